"""Compression is decided by what the link takes: measured, on large files, by the first bytes that go out."""

from __future__ import annotations

import hashlib
from pathlib import Path

from engine.model import FileKind
from engine.remote.agent.compression import LinkProbe, Sample
from engine.remote.stream import run_stream
from engine.remote.types import Endpoint, StreamJob
from tests.fleet import openssh_fleet

MIB = 1 << 20
LOCAL = Endpoint("own", local=True)
TEMP = ".a.npz.syncdeck-01234567-89abcdef-1-0123456789ab.part"


async def test_a_large_file_starts_as_it_is_and_goes_on_compressed_once_the_link_proves_slow(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"".join(b"game %d move e4\n" % number for number in range(2_200_000)))
    job = StreamJob(
        source_path=str(path),
        temp_path=str(tmp_path / TEMP),
        size_bytes=path.stat().st_size,
        content_id="0123456789ab",
        kind=FileKind.PLAIN,
        bytes_per_second=8 * MIB,
    )
    with openssh_fleet(tmp_path, 1) as fleet:
        outcome = await run_stream(fleet[0].endpoint, LOCAL, job, fleet.options(), lambda done, wire: None)
    assert outcome.compressed
    assert 2 * MIB < outcome.bytes_on_wire < path.stat().st_size / 2
    hashes = {hashlib.sha256(copy.read_bytes()).hexdigest() for copy in (path, tmp_path / TEMP)}
    assert hashes == {outcome.sha256}


def test_compression_is_for_links_that_zstd_outruns() -> None:
    shrinks_to_a_quarter = Sample(ratio=0.25, bytes_per_second=300e6)
    assert shrinks_to_a_quarter.outruns(100e6)
    assert not shrinks_to_a_quarter.outruns(280e6)
    assert not Sample(ratio=0.85, bytes_per_second=300e6).outruns(10e6)
    assert Sample(ratio=0.85, bytes_per_second=300e6).shrinks()


def test_a_links_speed_is_told_from_what_it_takes_after_its_buffers_are_full() -> None:
    clock = iter([0.0, 0.001, 0.201, 0.301, 0.401])
    probe = LinkProbe(lambda: next(clock))
    assert probe.sent(5 * MIB) is None
    assert probe.sent(5 * MIB) is None
    assert probe.sent(5 * MIB) is None
    rate = probe.sent(5 * MIB)
    assert rate is not None and round(rate / MIB) == round(15 / 0.4)


def test_a_slow_links_speed_is_told_before_its_buffers_are_full() -> None:
    clock = iter([0.0, 0.3, 0.6])
    probe = LinkProbe(lambda: next(clock))
    assert probe.sent(MIB) is None
    rate = probe.sent(MIB)
    assert rate is not None and round(rate / MIB, 1) == round(2 / 0.6, 1)
