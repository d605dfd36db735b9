"""Page checksums, the delta file and the copy: what the two ends of a page delta do to real databases."""

from __future__ import annotations

import hashlib
import os
import random
import sqlite3
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.remote.agent import pages, pages_copy, pages_delta, pages_moved, pages_old
from engine.remote.agent.failures import Failure
from engine.remote.agent.stats import stat_file

CODECS = [pages_delta.ZSTD, pages_delta.ZLIB]


def nothing(done: int) -> None:
    """Progress that nobody looks at."""


def database(path: Path, page_bytes: int = 4096, rows: int = 3000) -> Path:
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute(f"PRAGMA page_size={page_bytes}")
        connection.execute("CREATE TABLE spare AS SELECT zeroblob(50000) AS filler")
        connection.execute("CREATE TABLE games (id INTEGER PRIMARY KEY, moves TEXT, value REAL)")
        connection.execute("BEGIN")
        source = random.Random(1)
        rows_made = ((n, f"{source.getrandbits(900):x}", source.random()) for n in range(rows))
        connection.executemany("INSERT INTO games VALUES (?, ?, ?)", rows_made)
        connection.execute("COMMIT")
    connection.close()
    return path


def changed(path: Path, new: Path, statements: list[str]) -> Path:
    new.write_bytes(path.read_bytes())
    with sqlite3.connect(new, isolation_level=None) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return new


def quiet(path: Path) -> pages.Quiet:
    stat = stat_file(str(path))
    assert stat is not None
    return pages.Quiet(str(path), "", stat)


def compared(new: Path, old: Path) -> tuple[pages_delta.Delta, int]:
    """Return what differs and the checksum bytes that travelled, by the very steps that both ends take."""
    ours, theirs = quiet(new), quiet(old)
    page_bytes = ours.page_bytes()
    our_pages, their_pages = (pages.checksums(one, page_bytes, nothing) for one in (ours, theirs))
    groups = pages.group_hashes(their_pages)
    bits = pages.differing_groups(pages.group_hashes(our_pages), groups)
    told = array("I")
    for start, end in pages.spans_of(bits, len(their_pages)):
        told.extend(their_pages[start:end])
    differing = pages.differing_pages(our_pages, told, bits, len(their_pages))
    differing.extend(range(min(len(their_pages), len(our_pages)), len(our_pages)))
    new_pages, old_pages = ours.size // page_bytes, theirs.size // page_bytes
    found = pages_moved.find_moves(our_pages[:new_pages], differing, told, bits, old_pages, len(their_pages))
    assert list(pages_moved.moves_from(found.packed(), new_pages, old_pages)) == list(found)
    alone = found.singles()
    asked = pages_moved.moves_from(alone.packed(), new_pages, old_pages)
    our_hashes = pages_moved.run_hashes(ours, page_bytes, alone.new, alone.counts)
    their_hashes = pages_moved.run_hashes(theirs, page_bytes, asked.old, asked.counts)
    moves = pages_moved.proven(found, our_hashes, their_hashes)
    rest = pages_moved.without(differing, moves)
    both = pages.numbers_of(
        pages.bit_map(array("I", (page for page in rest if page < len(their_pages)))), len(their_pages)
    )
    blocks = pages.block_checksums(theirs, page_bytes, both, 0, len(both))
    runs = pages.differing_blocks(ours, page_bytes, rest, blocks, len(both))
    travelled = len(groups) + 4 * (len(told) + len(blocks)) + len(their_hashes)
    return pages_delta.Delta(ours.size, page_bytes, moves, runs), travelled


def rebuilt(new: Path, old: Path, folder: Path, codec: str = pages_delta.ZSTD) -> tuple[bytes, int]:
    """Return the file that a delta makes of the old version, and the delta's size."""
    made, _ = compared(new, old)
    path = folder / "delta"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    sha256 = pages_delta.write_delta(fd, quiet(new), made, codec, nothing)
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    size, old_size = new.stat().st_size, old.stat().st_size
    copy = pages_copy.clone(quiet(old).fd, old_size, str(folder / "copy"), size, nothing)
    delta = pages_delta.DeltaReader(fd, size, old_size)
    for to, of, count in delta.moves:
        os.pwrite(copy, os.pread(quiet(old).fd, count * delta.page_bytes, of * delta.page_bytes), to * delta.page_bytes)
    for start, data in delta.parts():
        os.pwrite(copy, data, start)
    os.close(fd)
    os.close(copy)
    return (folder / "copy").read_bytes(), path.stat().st_size


CHANGES = {
    "rows changed here and there": ["UPDATE games SET value = value + 1 WHERE id % 97 = 0"],
    "grown": ["INSERT INTO games SELECT id + 3000, moves, value FROM games WHERE id % 5 = 0"],
    "shrunk": ["DELETE FROM games WHERE id > 1500", "VACUUM"],
    "pages on the freelist": ["DELETE FROM games WHERE id BETWEEN 500 AND 900"],
    "vacuumed": ["DROP TABLE spare", "VACUUM"],
    "thinned and vacuumed": ["DELETE FROM games WHERE id % 50 = 0", "VACUUM"],
    "nothing": [],
}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("statements", CHANGES.values(), ids=CHANGES)
def test_a_delta_makes_the_new_version_of_the_old_one(tmp_path: Path, statements: list[str], codec: str) -> None:
    old = database(tmp_path / "old.db")
    new = changed(old, tmp_path / "new.db", statements)
    assert rebuilt(new, old, tmp_path, codec)[0] == new.read_bytes()


@pytest.mark.parametrize("page_bytes", [512, 1024, 8192, 65536])
def test_every_page_size_is_read_from_the_header(tmp_path: Path, page_bytes: int) -> None:
    old = database(tmp_path / "old.db", page_bytes)
    new = changed(old, tmp_path / "new.db", CHANGES["rows changed here and there"])
    assert quiet(old).page_bytes() == page_bytes
    content, size = rebuilt(new, old, tmp_path)
    assert content == new.read_bytes()
    assert size < new.stat().st_size / 3


@pytest.mark.parametrize("cut", [1, 511, 512, 3000])
def test_a_file_that_does_not_end_with_a_page_is_made_as_it_is(tmp_path: Path, cut: int) -> None:
    old = database(tmp_path / "old.db")
    new = tmp_path / "new.db"
    new.write_bytes(old.read_bytes() + os.urandom(10_000 + cut))
    assert rebuilt(new, old, tmp_path)[0] == new.read_bytes()
    for name in ("delta", "copy"):
        (tmp_path / name).unlink()
    assert rebuilt(old, new, tmp_path)[0] == old.read_bytes()


def test_pages_beyond_the_lock_byte_page_at_one_gibibyte_are_compared_like_all_others(tmp_path: Path) -> None:
    old, new = database(tmp_path / "old.db", 65536), tmp_path / "new.db"
    os.truncate(old, (1 << 30) + 5 * 65536)
    new.write_bytes(b"")
    os.truncate(new, old.stat().st_size)
    with old.open("rb") as content, new.open("r+b") as file:
        file.write(content.read(1 << 20))
        file.seek((1 << 30) + 3 * 65536 + 100)
        file.write(b"changed")
        file.seek(1 << 30)
        file.write(b"the lock-byte page")
    delta, told = compared(new, old)
    offsets = [start for start, _ in delta.runs.spans(new.stat().st_size)]
    assert {1 << 30, (1 << 30) + 3 * 65536} <= set(offsets)
    assert told < 1_000_000


def test_a_few_changed_rows_cost_a_few_blocks_and_their_groups_checksums(tmp_path: Path) -> None:
    old = database(tmp_path / "old.db", rows=60_000)
    new = changed(old, tmp_path / "new.db", ["UPDATE games SET value = 7 WHERE id = 30000"])
    delta, told = compared(new, old)
    sent = sum(length for _, length in delta.runs.spans(new.stat().st_size))
    pages_of_file = new.stat().st_size // 4096
    assert sent <= 4 * 512
    # 8 bytes for each group, 4 for each of the 64 pages of two groups, 4 for each of the 8 blocks of two pages.
    assert told <= 8 * (pages_of_file // 64 + 1) + 2 * 64 * 4 + 2 * 8 * 4


@pytest.mark.parametrize("seed", range(8))
def test_any_two_contents_and_lengths_come_out_right(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    head = database(tmp_path / "head.db", 1024, rows=5).read_bytes()[:1024]
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    content = bytearray(head + chance.randbytes(chance.randrange(1, 400_000)))
    old.write_bytes(content)
    for _ in range(chance.randrange(0, 60)):
        at = chance.randrange(1024, len(content))
        content[at : at + chance.randrange(1, 3000)] = chance.randbytes(chance.choice([0, 1, 40, 512, 4096]))
        content += b"" if len(content) > 2048 else bytes(2048)
    new.write_bytes(content)
    assert rebuilt(new, old, tmp_path, chance.choice(CODECS))[0] == bytes(content)


@pytest.mark.parametrize("codec", CODECS)
def test_a_damaged_delta_is_found_out_wherever_it_was_damaged(tmp_path: Path, codec: str) -> None:
    old = database(tmp_path / "old.db")
    new = changed(old, tmp_path / "new.db", CHANGES["grown"])
    rebuilt(new, old, tmp_path, codec)
    content = (tmp_path / "delta").read_bytes()
    for at in [0, 5, 20, 60, len(content) // 2, len(content) - 1]:
        spoilt = bytearray(content)
        spoilt[at] ^= 1
        refused(tmp_path, bytes(spoilt), new, old)
    for length in [0, 10, 40, len(content) - 1]:
        refused(tmp_path, content[:length], new, old)
    refused(tmp_path, content, old, old)


def refused(folder: Path, content: bytes, new: Path, old: Path) -> None:
    path = folder / "spoilt"
    path.write_bytes(content)
    with path.open("rb") as file, pytest.raises(Failure) as caught:
        list(pages_delta.DeltaReader(file.fileno(), new.stat().st_size, old.stat().st_size).parts())
    assert caught.value.error_class in ("checksum-mismatch", "unsupported")


@pytest.mark.parametrize("codec", CODECS)
def test_a_delta_that_promises_more_than_it_holds_is_refused(tmp_path: Path, codec: str) -> None:
    """Its checksum is right: a source that means harm can make one."""
    old = database(tmp_path / "old.db")
    new = changed(old, tmp_path / "new.db", CHANGES["rows changed here and there"])
    made, _ = compared(new, old)
    lies = {"runs": longer_runs(made), "moves": moves_past_the_end(made)}
    for name, lie in lies.items():
        fd = os.open(tmp_path / name, os.O_RDWR | os.O_CREAT)
        pages_delta.write_delta(fd, quiet(new), lie, codec, nothing)
        os.close(fd)
        refused(tmp_path, (tmp_path / name).read_bytes(), new, old)


def longer_runs(made: pages_delta.Delta) -> pages_delta.Delta:
    runs = pages.Runs(made.runs.starts[:], made.runs.counts[:])
    runs.starts[-1] = made.size // pages.DELTA_BLOCK_BYTES - 1
    runs.counts[-1] = 1

    class Lying(pages.Runs):
        """Writes one block less than its index names."""

        def spans(self, size: int) -> Iterator[tuple[int, int]]:
            yield from list(super().spans(size))[:-1]

    return made._replace(runs=Lying(runs.starts, runs.counts))


def moves_past_the_end(made: pages_delta.Delta) -> pages_delta.Delta:
    moves = pages_moved.Moves()
    moves.add(made.size // made.page_bytes - 1, 0, 2)
    return made._replace(moves=moves)


@pytest.mark.parametrize("stays", [True, False])
def test_what_is_hashed_is_what_stays_in_the_file(tmp_path: Path, stays: bool) -> None:
    """A delta that writes twice to one place would have the first hashed: it is refused."""
    old = database(tmp_path / "old.db", rows=20_000)
    new = changed(old, tmp_path / "new.db", CHANGES["vacuumed"])
    made, _ = compared(new, old)
    first = next(iter(made.runs.spans(made.size)))[0] // made.page_bytes
    twice = pages_moved.Moves()
    twice.add(first, 1)
    for name, delta in (("sound", made), ("twice", made._replace(moves=twice))):
        path = tmp_path / f".{name}.syncdeck-01234567-89abcdef-1-0123456789abd.part"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        pages_delta.write_delta(fd, quiet(new), delta, pages_delta.ZSTD, nothing)
        os.close(fd)
        order = {"path": f"{tmp_path}/.{name}.syncdeck-01234567-89abcdef-1-0123456789abr.part"}
        rebuild = pages_old.Rebuild(quiet(old), {**order, "size": made.size, "stays": stays}, str(tmp_path), nothing)
        if name == "twice":
            with pytest.raises(Failure, match="twice"):
                rebuild.finish(str(path))
            continue
        copy, whole = rebuild.finish(str(path))
        hashed = whole.result(lambda: None)
        os.close(copy)
        content = Path(rebuild.path).read_bytes()
        assert content == new.read_bytes() and hashed == hashlib.sha256(content).hexdigest()


def test_pages_that_only_moved_do_not_travel_and_none_is_mistaken_for_another(tmp_path: Path) -> None:
    old = database(tmp_path / "old.db", rows=20_000)
    new = changed(old, tmp_path / "new.db", CHANGES["vacuumed"])
    delta, _ = compared(new, old)
    sent = sum(length for _, length in delta.runs.spans(delta.size))
    assert sent < delta.size / 20
    assert sum(delta.moves.counts) > delta.size / delta.page_bytes * 0.9


def test_a_page_whose_checksum_is_another_pages_is_found_out_by_its_hash(tmp_path: Path) -> None:
    old, new = database(tmp_path / "old.db"), tmp_path / "new.db"
    new.write_bytes(old.read_bytes()[4096:])
    moves = pages_moved.Moves()
    moves.add(0, 1, 3)
    moves.add(3, 9)
    moves.add(4, 5)
    alone = moves.singles()
    theirs = pages_moved.run_hashes(quiet(old), 4096, alone.old, alone.counts)
    ours = pages_moved.run_hashes(quiet(new), 4096, alone.new, alone.counts)
    kept = pages_moved.proven(moves, ours, theirs)
    assert list(kept) == [(0, 1, 3), (4, 5, 1)]
    assert list(pages_moved.without(array("I", range(6)), kept)) == [3, 5]


def test_what_is_no_database_has_no_pages(tmp_path: Path) -> None:
    path = tmp_path / "games.db"
    path.write_bytes(os.urandom(8192))
    with pytest.raises(Failure, match="not a SQLite database"):
        quiet(path).page_bytes()
    path.write_bytes(b"SQLite format 3\0" + (1000).to_bytes(2, "big") + bytes(200))
    with pytest.raises(Failure, match="not a SQLite database"):
        quiet(path).page_bytes()


def test_a_file_that_changed_since_it_was_looked_at_is_not_hashed(tmp_path: Path) -> None:
    path = database(tmp_path / "games.db")
    file = quiet(path)
    with path.open("ab") as more:
        more.write(b"x")
    with pytest.raises(Failure) as caught:
        pages.checksums(file, 4096, nothing)
    assert caught.value.error_class == "source-changed"


@pytest.mark.parametrize("way", ["reflink", "in kernel", "by hand"])
def test_a_copy_is_the_same_and_private_however_it_is_made(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = database(tmp_path / "old.db")
    if way != "reflink":
        monkeypatch.setattr(pages_copy, "FICLONE", 0)
    if way == "by hand":
        monkeypatch.delattr(os, "copy_file_range")
    for new_size in (old.stat().st_size // 2 + 17, old.stat().st_size, old.stat().st_size + 5000):
        fd = pages_copy.clone(quiet(old).fd, old.stat().st_size, str(tmp_path / "copy"), new_size, nothing)
        os.pwrite(fd, b"changed", 0)
        os.close(fd)
        content = (old.read_bytes() + bytes(5000))[:new_size]
        assert (tmp_path / "copy").read_bytes() == b"changed" + content[7:]
        assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    assert old.read_bytes().startswith(b"SQLite format 3")
