"""A stream's cap changes while it runs, and a link that only trickles counts as stalled."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.model import FileKind
from engine.remote.stream import run_stream
from engine.remote.stream_news import LEAST_BYTES, StreamNews
from engine.remote.types import StreamJob
from engine.transport.rates import RateCap
from tests.fleet import Fleet, openssh_fleet

MIB = 1 << 20
TEMP = ".a.npz.syncdeck-01234567-89abcdef-1-0123456789ab.part"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with openssh_fleet(tmp_path_factory.mktemp("rates"), count=2) as running:
        yield running


@pytest.mark.parametrize("encoding", ["binary", "base64"])
async def test_a_raised_cap_sets_a_slow_stream_free(fleet: Fleet, tmp_path: Path, encoding: str) -> None:
    """At the first cap the file would take longer than any test may: only the new one lets it end."""
    path = tmp_path / "a"
    path.write_bytes(random.Random(1).randbytes(48 * MIB))
    rate = RateCap(64 << 10)
    job = StreamJob(
        str(path),
        str(tmp_path / TEMP),
        48 * MIB,
        "0123456789ab",
        FileKind.PLAIN,
        bytes_per_second=rate.bytes_per_second,
        encoding=encoding,
    )

    def free(done: int, wire: int) -> None:
        if wire > 32 << 10:
            rate.set(None)

    outcome = await run_stream(
        fleet[0].endpoint, fleet[1].endpoint, job, fleet.options(), free, rate_changes=rate.subscribe
    )
    assert outcome.size_bytes == 48 * MIB


class HandClock:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_a_link_that_only_trickles_is_stalled() -> None:
    clock = HandClock()
    news = StreamNews(100 * MIB, 60.0, clock)
    news.take({"ready": {}})
    for second in range(1, 60):
        clock.at = float(second)
        news.take({"heard": second * 1000, "wire": 1 + second * 1000, "read": MIB})
        assert news.seconds_left() > 0
    clock.at = 60.0
    assert news.seconds_left() <= 0


def test_enough_bytes_within_the_limit_begin_it_anew() -> None:
    clock = HandClock()
    news = StreamNews(100 * MIB, 60.0, clock)
    clock.at = 50.0
    news.take({"heard": LEAST_BYTES, "wire": LEAST_BYTES, "read": MIB})
    assert news.seconds_left() == 60.0


def test_a_stream_that_is_kept_slow_on_purpose_is_not_stalled() -> None:
    clock = HandClock()
    news = StreamNews(100 * MIB, 60.0, clock)
    news.rate = 1000
    clock.at = 40.0
    news.take({"heard": 30_000, "wire": 40_000, "read": MIB})
    assert news.seconds_left() == 60.0


def test_content_that_shrinks_to_nothing_is_no_stall() -> None:
    clock = HandClock()
    news = StreamNews(5_000 * MIB, 60.0, clock)
    news.take({"heard": 1000, "wire": 1000, "read": MIB})
    clock.at = 50.0
    news.take({"read": 3_000 * MIB})
    assert news.seconds_left() == 60.0


def test_a_link_that_trickles_is_stalled_though_much_was_read_ahead_and_compressed() -> None:
    clock = HandClock()
    news = StreamNews(5_000 * MIB, 60.0, clock)
    news.take({"ready": {}})
    for second in range(1, 61):
        clock.at = float(second)
        news.take({"read": second * 50 * MIB, "wire": second * 5000, "heard": second * 1000})
    assert news.seconds_left() <= 0


def test_a_type_check_that_goes_on_after_the_last_byte_is_no_stall() -> None:
    clock = HandClock()
    news = StreamNews(MIB, 60.0, clock)
    news.take({"read": MIB, "wire": MIB, "heard": MIB})
    clock.at = 50.0
    news.take({"checks": 7})
    assert news.seconds_left() == 60.0
