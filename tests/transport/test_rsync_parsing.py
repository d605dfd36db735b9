"""What rsync prints, recorded from 3.5.0 (Debian) and 2.6.9 (macOS), is understood however it is cut up."""

from __future__ import annotations

import pytest

from engine.transport.rsync.features import RsyncFeatures, parse_version
from engine.transport.rsync.progress import OutputParser

MODERN = (
    b"\r         32,768   3%    0.00kB/s    0:00:00  \r        524288  50%   12.50MB/s    0:00:01  "
    b"\r       1048576 100%   99.91MB/s    0:00:00 (xfr#1, to-chk=0/1)\n\n"
    b"Number of files: 1 (reg: 1)\nNumber of created files: 1 (reg: 1)\nNumber of deleted files: 0\n"
    b"Number of regular files transferred: 1\nTotal file size: 1048576 bytes\n"
    b"Total transferred file size: 1048576 bytes\nLiteral data: 1048576 bytes\nMatched data: 0 bytes\n"
    b"File list size: 0\nFile list generation time: 0.001 seconds\nFile list transfer time: 0.000 seconds\n"
    b"Total bytes sent: 1048934\nTotal bytes received: 35\n\n"
    b"sent 1048934 bytes  received 35 bytes  699312.67 bytes/sec\ntotal size is 1048576  speedup is 1.00\n"
)
OLD = (
    b"games.db\n       32768   3%    0.00kB/s    0:00:00\r      917504  87%   62.31MB/s    0:00:00\r"
    b"     1048576 100%   67.11MB/s    0:00:00 (xfer#1, to-check=0/1)\n\n"
    b"Number of files: 1\nNumber of files transferred: 1\nTotal file size: 1048576 bytes\n"
    b"Total transferred file size: 1048576 bytes\nLiteral data: 0 bytes\nMatched data: 1048576 bytes\n"
    b"File list size: 38\nFile list generation time: 0.001 seconds\nFile list transfer time: 0.000 seconds\n"
    b"Total bytes sent: 4242\nTotal bytes received: 18\n"
)


@pytest.mark.parametrize("step", [1, 7, 4096])
@pytest.mark.parametrize(("output", "wire", "matched"), [(MODERN, 1048969, 0), (OLD, 4260, 1048576)])
def test_progress_and_statistics_survive_any_cut_of_the_output(
    output: bytes, wire: int, matched: int, step: int
) -> None:
    parser = OutputParser()
    pieces = [output[start : start + step] for start in range(0, len(output), step)]
    seen = [parser.bytes_done for piece in pieces if parser.feed(piece)]
    assert seen == sorted(seen)
    assert parser.bytes_done == 1048576
    assert parser.statistics().on_wire == wire
    assert parser.statistics().matched == matched


def test_a_silent_rsync_has_no_statistics() -> None:
    assert OutputParser().statistics().on_wire is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("rsync  version 3.5.0  protocol version 32", RsyncFeatures((3, 5, 0))),
        ("rsync  version v3.2.7  protocol version 31", RsyncFeatures((3, 2, 7))),
        ("rsync  version 2.6.9  protocol version 29", RsyncFeatures((2, 6, 9))),
        ("openrsync: protocol version 29", RsyncFeatures((2, 6, 9), openrsync=True)),
        ("bash: rsync: command not found", None),
        (None, None),
    ],
)
def test_the_version_line_tells_which_rsync_this_is(line: str | None, expected: RsyncFeatures | None) -> None:
    assert parse_version(line) == expected


def test_features_appear_with_the_version_that_brought_them() -> None:
    old, middle, new = RsyncFeatures((2, 6, 9)), RsyncFeatures((3, 1, 3)), RsyncFeatures((3, 2, 4))
    assert [f.protects_arguments for f in (old, middle, new)] == [False, True, True]
    assert [f.info_flags for f in (old, middle, new)] == [False, True, True]
    assert [f.fsync for f in (old, middle, new)] == [False, False, True]
    assert [f.writes_in_place for f in (old, middle, new)] == [True, True, True]
    assert not RsyncFeatures((2, 6, 9), openrsync=True).writes_in_place
