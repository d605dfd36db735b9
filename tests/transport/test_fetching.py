"""Fetches by a real agent from real HTTP servers: what arrives is what was promised, whatever the servers do."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from engine.errors import ErrorClass, SyncdeckError
from engine.remote.agent.holes import read_holes
from engine.remote.links import Links
from engine.remote.types import Endpoint, SshOptions
from engine.transport.fetch_types import FetchJob, FetchSource
from engine.transport.fetching import AgentFetching
from engine.transport.rates import RateCap
from tests.processes import holding
from tests.transport.fetch_desk import CHUNK, CONTENT, NAMES, OTHER, SHA256, Desk, manifest_of, quiet, until
from tests.transport.fetch_servers import Behaviour


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "root"
    folder.mkdir()
    with ExitStack() as stack:
        yield Desk(folder, AgentFetching(SshOptions(control_dir=tmp_path), Links()), stack)


@pytest.mark.parametrize("manifest", [True, False])
@pytest.mark.parametrize("sources", [1, 3])
async def test_what_arrives_is_what_was_promised(desk: Desk, sources: int, manifest: bool) -> None:
    seen: list[int] = []
    outcome = await desk.fetch(
        *(Behaviour(CONTENT) for _ in range(sources)), manifest=manifest, progress=lambda done, wire: seen.append(done)
    )
    desk.ensure_arrived(outcome)
    assert (outcome.size_bytes, outcome.resumed_bytes) == (len(CONTENT), 0)
    assert outcome.temp_stat.size_bytes == len(CONTENT)
    assert seen == sorted(seen)


async def test_without_a_promise_the_manifest_decides(desk: Desk) -> None:
    desk.ensure_arrived(await desk.fetch(Behaviour(CONTENT), sha256=None))


async def test_an_empty_content_arrives(desk: Desk) -> None:
    empty = hashlib.sha256().hexdigest()
    outcome = await desk.fetch(Behaviour(b""), manifest=False, size_bytes=0, sha256=empty)
    assert (outcome.size_bytes, Path(desk.temp_path).stat().st_size) == (0, 0)


async def test_requests_are_few_and_one_content_is_asked_for_once(desk: Desk) -> None:
    behaviour = Behaviour(CONTENT)
    outcome = await desk.fetch(behaviour)
    assert len(behaviour.requests) <= 8
    assert outcome.bytes_on_wire < len(CONTENT) + CHUNK


async def test_after_every_break_it_goes_on_at_the_byte_it_reached(desk: Desk) -> None:
    behaviour = Behaviour(CONTENT, cut_after_bytes=1_500_000)
    outcome = await desk.fetch(behaviour, connections=1)
    desk.ensure_arrived(outcome)
    assert len(behaviour.requests) > len(CONTENT) // 1_600_000
    assert outcome.bytes_on_wire == len(CONTENT)


async def test_a_server_without_ranges_is_read_once_as_one_stream(desk: Desk) -> None:
    behaviour = Behaviour(CONTENT, ranges=False)
    outcome = await desk.fetch(behaviour)
    desk.ensure_arrived(outcome)
    assert len(behaviour.requests) == 1
    assert outcome.bytes_on_wire == len(CONTENT)


async def test_a_server_that_says_no_length_is_read_to_its_end(desk: Desk) -> None:
    desk.ensure_arrived(await desk.fetch(Behaviour(CONTENT, ranges=False, length=False)))


@pytest.mark.parametrize(
    ("behaviour", "error_class"),
    [
        (Behaviour(CONTENT, status=404), ErrorClass.NOT_FOUND),
        (Behaviour(CONTENT, status=412), ErrorClass.SOURCE_CHANGED),
        (Behaviour(CONTENT, status=416), ErrorClass.SOURCE_CHANGED),
        (Behaviour(CONTENT, status=403), ErrorClass.UNSUPPORTED),
        (Behaviour(CONTENT, status=418), ErrorClass.UNSUPPORTED),
        (Behaviour(CONTENT, status=500), ErrorClass.TRANSIENT_NETWORK),
        (Behaviour(CONTENT, status=503, headers={"Retry-After": "0"}), ErrorClass.THROTTLED),
        (Behaviour(CONTENT, status=302, headers={"Location": "http://127.0.0.2/x"}), ErrorClass.UNSUPPORTED),
        (Behaviour(CONTENT, headers={"Content-Encoding": "gzip"}), ErrorClass.UNSUPPORTED),
        (Behaviour(CONTENT, headers={"Content-Range": "bytes 7-9/100"}), ErrorClass.UNSUPPORTED),
        (Behaviour(CONTENT, total=len(CONTENT) + 1), ErrorClass.SOURCE_CHANGED),
        (Behaviour(CONTENT[:-1], ranges=False), ErrorClass.SOURCE_CHANGED),
        (Behaviour(CONTENT[:-1], ranges=False, length=False), ErrorClass.SOURCE_CHANGED),
        (Behaviour(CONTENT, ranges=False, length=False, more=b"x"), ErrorClass.SOURCE_CHANGED),
        (Behaviour(CONTENT, ranges=False, more=b"x"), ErrorClass.SOURCE_CHANGED),
        (Behaviour(CONTENT, cut_after_bytes=0), ErrorClass.TRANSIENT_NETWORK),
        (Behaviour(CONTENT, cut_after_bytes=3000), ErrorClass.TRANSIENT_NETWORK),
        (Behaviour(OTHER), ErrorClass.CHECKSUM_MISMATCH),
    ],
)
async def test_a_source_that_cannot_serve_is_given_up_for_what_it_did(
    desk: Desk, behaviour: Behaviour, error_class: ErrorClass
) -> None:
    with pytest.raises(SyncdeckError) as caught:
        await desk.fetch(behaviour, final=True)
    assert caught.value.error_class is error_class
    assert caught.value.cause and caught.value.remedy
    assert hashlib.sha256(Path(desk.temp_path).read_bytes()).hexdigest() != SHA256


@pytest.mark.parametrize(
    "bad",
    [
        Behaviour(CONTENT, status=404),
        Behaviour(CONTENT, status=412),
        Behaviour(CONTENT, cut_after_bytes=0),
        Behaviour(OTHER),
        Behaviour(CONTENT[:1000]),
    ],
)
async def test_beside_a_good_source_a_bad_one_does_no_harm(desk: Desk, bad: Behaviour) -> None:
    # The good one waits until the bad one was asked, or it might do everything alone.
    good = Behaviour(CONTENT, hold_after_bytes=0)
    task = asyncio.create_task(desk.fetch(bad, good, connections=6))
    await until(lambda: len(bad.requests) >= 2 or "s0" in desk.failures_so_far)
    good.let_go.set()
    desk.ensure_arrived(await task)


async def test_who_sends_wrong_bytes_twice_is_asked_no_more(desk: Desk) -> None:
    good, liar = Behaviour(CONTENT, hold_after_bytes=0), Behaviour(OTHER)
    task = asyncio.create_task(desk.fetch(liar, good))
    await until(lambda: "s0" in desk.failures_so_far)
    assert desk.started[0].failed_classes["s0"] is ErrorClass.CHECKSUM_MISMATCH
    good.let_go.set()
    desk.ensure_arrived(await task)


async def test_what_was_fetched_before_the_manifest_came_is_checked_when_it_comes(desk: Desk) -> None:
    spoilt = bytearray(CONTENT)
    spoilt[CHUNK + 5] ^= 1
    liar = Behaviour(bytes(spoilt), hold_after_bytes=2 * CHUNK + BLOCK)
    url = desk.serve(liar)
    seen: list[int] = []
    handle = await desk.start([FetchSource("s0", (url,))], connections=1, progress=lambda done, wire: seen.append(done))
    result = asyncio.create_task(handle.result())
    await until(lambda: bool(seen) and seen[-1] >= 2 * CHUNK)
    assert handle.have == ()
    handle.manifest(manifest_of(CONTENT))
    await until(lambda: handle.have == ((0, 1),))
    handle.offer([FetchSource("s0", (url,)), FetchSource("s1", (desk.serve(Behaviour(CONTENT)),))])
    liar.let_go.set()
    desk.ensure_arrived(await result)


async def test_a_manifest_that_comes_after_everything_arrived_still_tells_what_was_wrong(desk: Desk) -> None:
    spoilt = bytearray(CONTENT)
    spoilt[CHUNK + 5] ^= 1
    seen: list[int] = []
    sources = [FetchSource("s0", (desk.serve(Behaviour(bytes(spoilt))),))]
    handle = await desk.start(sources, progress=lambda done, wire: seen.append(done))
    result = asyncio.create_task(handle.result())
    await until(lambda: bool(seen) and seen[-1] == len(CONTENT))
    handle.offer([*sources, FetchSource("s1", (desk.serve(Behaviour(CONTENT)),))])
    handle.manifest(manifest_of(CONTENT))
    desk.ensure_arrived(await result)


async def test_a_wrong_content_without_a_manifest_is_removed(desk: Desk) -> None:
    with pytest.raises(SyncdeckError) as caught:
        await desk.fetch(Behaviour(OTHER), manifest=None, final=True)
    assert caught.value.error_class is ErrorClass.CHECKSUM_MISMATCH
    assert list(desk.folder.iterdir()) == []


async def test_when_it_is_ended_it_keeps_its_partial_and_goes_on_from_it(desk: Desk) -> None:
    held = Behaviour(CONTENT, hold_after_bytes=2 * CHUNK + BLOCK)
    handle = await desk.start([FetchSource("s0", (desk.serve(held),))], connections=1)
    result = asyncio.create_task(handle.result())
    handle.manifest(manifest_of(CONTENT))
    await until(lambda: handle.have == ((0, 2),))
    result.cancel()
    await asyncio.wait([result])
    assert result.cancelled()
    outcome = await desk.fetch(Behaviour(CONTENT))
    desk.ensure_arrived(outcome)
    assert outcome.resumed_bytes == 2 * CHUNK
    assert outcome.bytes_on_wire == len(CONTENT) - outcome.resumed_bytes


async def test_a_killed_fetch_is_continued_with_its_holes(desk: Desk) -> None:
    url = desk.serve(Behaviour(CONTENT))
    handle = await desk.start([FetchSource("s0", (url,), have=((3, 5),), ranges=True)], connections=2)
    result = asyncio.create_task(handle.result())
    handle.manifest(manifest_of(CONTENT))
    await until(lambda: (3, 5) in handle.have)
    handle.offer([FetchSource("s0", (url,), have=((0, 1), (3, 5)))])
    await until(lambda: (0, 1) in handle.have)
    await until(lambda: _noted(desk.temp_path) == [(0, 1), (3, 5)])
    for pid in holding(desk.temp_path):
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(SyncdeckError):
        await result
    outcome = await desk.fetch(Behaviour(CONTENT))
    desk.ensure_arrived(outcome)
    assert outcome.resumed_bytes == 3 * CHUNK
    assert outcome.bytes_on_wire == len(CONTENT) - 3 * CHUNK


@pytest.mark.parametrize("sha256", [SHA256, None])
async def test_flipped_bytes_in_what_was_there_are_found_and_fetched_again(desk: Desk, sha256: str | None) -> None:
    spoilt = bytearray(CONTENT[: 2 * CHUNK + 77])
    spoilt[1_234_567] ^= 0xFF
    Path(desk.temp_path).write_bytes(spoilt)
    outcome = await desk.fetch(Behaviour(CONTENT), sha256=sha256)
    desk.ensure_arrived(outcome)
    assert outcome.bytes_on_wire == len(CONTENT) - CHUNK


async def test_only_what_a_peer_has_is_asked_of_it_until_it_has_more(desk: Desk) -> None:
    seed, peer = Behaviour(CONTENT), Behaviour(CONTENT)
    urls = desk.serve(seed), desk.serve(peer)
    handle = await desk.start(
        [FetchSource("seed", urls[:1], have=((0, 2),)), FetchSource("peer", urls[1:], have=((3, 4),))],
        rarest_first=True,
    )
    result = asyncio.create_task(handle.result())
    handle.manifest(manifest_of(CONTENT))
    await until(lambda: handle.have == ((0, 2), (3, 4)))
    assert {_first(request) for request in peer.requests} == {3 * CHUNK}
    handle.offer([FetchSource("peer", urls[1:], have=((0, 6),))])
    desk.ensure_arrived(await result)
    assert {_first(request) for request in seed.requests} <= {0, CHUNK}


async def test_other_urls_revive_a_source_that_let_us_read_no_more(desk: Desk) -> None:
    expired, fresh = Behaviour(CONTENT, status=403), Behaviour(CONTENT)
    urls = desk.serve(expired), desk.serve(fresh)
    handle = await desk.start([FetchSource("s0", urls[:1])])
    result = asyncio.create_task(handle.result())
    await until(lambda: "s0" in handle.failures)
    handle.offer([FetchSource("s0", urls[1:])])
    desk.ensure_arrived(await result)


async def test_the_first_url_that_answers_is_kept(desk: Desk) -> None:
    behaviour = Behaviour(CONTENT)
    url = desk.serve(behaviour)
    handle = await desk.start([FetchSource("s0", ("http://127.0.0.1:9/nobody", url))])
    desk.ensure_arrived(await handle.result())


async def test_a_held_up_source_is_overtaken_by_another(desk: Desk) -> None:
    slow, good = Behaviour(CONTENT, hold_after_bytes=BLOCK), Behaviour(CONTENT)
    desk.ensure_arrived(await desk.fetch(slow, good, stall_timeout_seconds=600.0))
    assert slow.requests


async def test_nothing_moving_is_said_to_be_so(desk: Desk) -> None:
    with pytest.raises(SyncdeckError) as caught:
        await desk.fetch(Behaviour(CONTENT, hold_after_bytes=0), stall_timeout_seconds=1.0)
    assert caught.value.error_class is ErrorClass.TRANSIENT_NETWORK


@pytest.mark.parametrize("connections", [1, 4])
async def test_a_trickle_is_a_stall(desk: Desk, connections: int) -> None:
    with pytest.raises(SyncdeckError) as caught:
        await desk.fetch(Behaviour(CONTENT, trickling=1000), stall_timeout_seconds=2.0, connections=connections)
    assert caught.value.error_class is ErrorClass.TRANSIENT_NETWORK
    assert "nothing moved" in caught.value.cause


async def test_one_connection_that_trickles_is_made_anew(desk: Desk) -> None:
    slow = Behaviour(CONTENT, trickling=1)
    outcome = await desk.fetch(slow, stall_timeout_seconds=6.0, connections=1)
    desk.ensure_arrived(outcome)
    assert len(slow.requests) >= 2
    assert outcome.bytes_on_wire == len(CONTENT)


async def test_a_cap_holds_and_can_be_lifted_while_it_runs(desk: Desk) -> None:
    rate = RateCap(64 << 10)
    wires: list[int] = []
    source = FetchSource("s0", (desk.serve(Behaviour(CONTENT)),))
    handle = await desk.start([source], rate=rate, progress=lambda done, wire: wires.append(wire))
    result = asyncio.create_task(handle.result())
    await until(lambda: len(wires) >= 3)
    assert wires[-1] < len(CONTENT) / 4
    rate.set(None)
    desk.ensure_arrived(await asyncio.wait_for(result, 60))


async def test_a_name_that_leads_out_of_the_root_is_refused(desk: Desk) -> None:
    outside = desk.folder.parent / "outside"
    outside.mkdir()
    (desk.folder / "link").symlink_to(outside)
    job = FetchJob(
        Endpoint("here", local=True),
        NAMES.part(str(desk.folder / "link" / "model.pth"), 7, SHA256),
        str(desk.folder),
        len(CONTENT),
        SHA256,
        (FetchSource("s0", (desk.serve(Behaviour(CONTENT)),)),),
        1,
        RateCap(),
        30.0,
    )
    with pytest.raises(SyncdeckError) as caught:
        await (await desk.fetching.start(job, quiet)).result()
    assert caught.value.error_class is ErrorClass.CONFIG
    assert list(outside.iterdir()) == []


BLOCK = 64 << 10


def _first(request: str) -> int:
    return int(request.removeprefix("bytes=").split("-")[0])


def _noted(temp_path: str) -> list[tuple[int, int]]:
    holes = read_holes(temp_path)
    return [] if holes is None else holes.spans
