"""Databases written at 200 rows/s while they are synced: every copy is whole and holds what was committed before."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster, Writer, cluster, integrity_of, make_npz, rows_of


def _one_round(group: Cluster, writers: list[Writer]) -> None:
    before = {writer.database.name: writer.committed() for writer in writers}
    done = group.run("--no-ui", "--once")
    assert done.returncode == 0, done.stderr
    for writer in writers:
        copies = [path for path in group.copies_of(writer.database.name) if path != writer.database]
        assert len(copies) >= 2, (writer.database.name, copies, done.stderr)
        for copy in copies:
            assert integrity_of(copy) == "ok"
            assert rows_of(copy) >= before[writer.database.name]
            assert not copy.with_name(copy.name + "-wal").exists()
            assert not copy.with_name(copy.name + "-shm").exists()
    assert group.temporaries() == []


def _rounds(tmp_path: Path, count: int) -> None:
    with cluster(tmp_path) as group:
        names = ("selfplay_hex8_2p.db", "selfplay_square8_2p.db", "gumbel_hexagonal_4p.db")
        writers = [Writer(group.fleet[index + 1].games / name) for index, name in enumerate(names)]
        make_npz(group.fleet[4].training / "hex8_2p.npz")
        try:
            for writer in writers:
                writer.start()
            for _ in range(count):
                _one_round(group, writers)
        finally:
            for writer in writers:
                writer.stop()


def test_every_copy_of_a_database_being_written_is_sound_and_holds_all_earlier_rows(tmp_path: Path) -> None:
    _rounds(tmp_path, 3)


@pytest.mark.storm
@pytest.mark.timeout(1800)
def test_twenty_cycles_under_writers_never_yield_a_torn_or_short_copy(tmp_path: Path) -> None:
    _rounds(tmp_path, 20)
