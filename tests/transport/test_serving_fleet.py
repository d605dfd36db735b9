"""Data servers as the engine runs them: started over SSH, found by probing, started again, stopped."""

from __future__ import annotations

import asyncio
import os
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from config.load import load
from config.types import Policy
from engine.clock import SystemClock
from engine.errors import ErrorClass, SyncdeckError
from engine.transport.fetch_types import Served
from engine.transport.serving import NodeDataServers
from tests.processes import listeners
from tests.transport.conftest import ENGINE_NODE, Bench

Wait = Callable[[Callable[[], bool]], None]


@pytest.fixture
def policy(bench: Bench, tmp_path: Path) -> Policy:
    return load(bench.fleet.write_hosts(tmp_path / "servers.yaml")).policy


@pytest.fixture
async def servers(bench: Bench, policy: Policy) -> AsyncIterator[NodeDataServers]:
    made = NodeDataServers(bench.pool.get, bench.options, bench.pool.links, lambda: policy, SystemClock())
    yield made
    await made.close()


async def served(bench: Bench, node_id: str, name: str = "served.npz", size: int = 10_000) -> tuple[Served, bytes]:
    path = bench.folder(node_id) / name
    content = os.urandom(size)
    path.write_bytes(content)
    stat = await (await bench.pool.get(node_id)).stat(str(path))
    return Served(str(path), str(bench.folder(node_id)), stat), content


def get(url: str, headers: dict[str, str] | None = None) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=30) as answer:
        return bytes(answer.read())


def status_of(url: str) -> int:
    try:
        get(url)
    except urllib.error.HTTPError as error:
        return error.code
    return 200


def port_of(url: str) -> int:
    return int(url.split("/")[2].rpartition(":")[2])


@pytest.mark.parametrize(
    ("node", "reader"), [("node-0", ENGINE_NODE), (ENGINE_NODE, "node-0"), ("node-0", "node-1"), ("node-0", "node-0")]
)
async def test_a_url_is_made_for_any_two_nodes(bench: Bench, servers: NodeDataServers, node: str, reader: str) -> None:
    file, content = await served(bench, node)
    assert await servers.refusal(bench.endpoint(node), bench.endpoint(reader)) is None
    (url,) = await servers.urls(bench.endpoint(node), file, bench.endpoint(reader))
    assert await asyncio.to_thread(get, url) == content
    assert await asyncio.to_thread(get, url, {"Range": "bytes=5-9"}) == content[5:10]


async def test_one_server_serves_all_who_ask_at_once(bench: Bench, servers: NodeDataServers) -> None:
    files = [(await served(bench, "node-0", f"many-{n}.npz"))[0] for n in range(8)]
    node, reader = bench.endpoint("node-0"), bench.endpoint(ENGINE_NODE)
    urls = await asyncio.gather(*(servers.urls(node, file, reader) for file in files))
    assert len({port_of(url[0]) for url in urls}) == 1


async def test_an_expired_url_is_refused_and_a_fresh_one_is_not(bench: Bench, policy: Policy) -> None:
    made = NodeDataServers(
        bench.pool.get, bench.options, bench.pool.links, lambda: policy, SystemClock(), url_seconds=-1
    )
    try:
        file, _ = await served(bench, "node-0")
        node, reader = bench.endpoint("node-0"), bench.endpoint(ENGINE_NODE)
        (old,) = await made.urls(node, file, reader)
        assert await asyncio.to_thread(status_of, old) == 403
        made.url_seconds = 60
        (fresh,) = await made.urls(node, file, reader)
        assert await asyncio.to_thread(status_of, fresh) == 200
    finally:
        await made.close()


async def test_a_server_that_died_is_started_again(bench: Bench, servers: NodeDataServers) -> None:
    file, content = await served(bench, "node-0")
    node, reader = bench.endpoint("node-0"), bench.endpoint(ENGINE_NODE)
    (first,) = await servers.urls(node, file, reader)
    for pid in listeners(port_of(first)):
        os.kill(pid, 9)
    async with asyncio.timeout(60):
        while await asyncio.to_thread(status_or_none, (await servers.urls(node, file, reader))[0]) is None:
            continue
    (url,) = await servers.urls(node, file, reader)
    assert await asyncio.to_thread(get, url) == content
    assert await asyncio.to_thread(status_or_none, first) in (None, 403)


def status_or_none(url: str) -> int | None:
    try:
        return status_of(url)
    except OSError:
        return None


async def test_an_idle_server_stops_and_the_next_url_starts_another(
    bench: Bench, policy: Policy, wait_until: Wait
) -> None:
    made = NodeDataServers(
        bench.pool.get, bench.options, bench.pool.links, lambda: policy, SystemClock(), idle_seconds=0.0
    )
    try:
        file, _ = await served(bench, "node-0")
        node, reader = bench.endpoint("node-0"), bench.endpoint(ENGINE_NODE)
        (url,) = await made.urls(node, file, reader)
        await asyncio.to_thread(wait_until, lambda: not listeners(port_of(url)))
        (again,) = await made.urls(node, file, reader)
        assert again != url
    finally:
        await made.close()


async def test_closing_ends_every_server_and_none_starts_afterwards(
    bench: Bench, servers: NodeDataServers, wait_until: Wait
) -> None:
    file, _ = await served(bench, "node-0")
    node, reader = bench.endpoint("node-0"), bench.endpoint(ENGINE_NODE)
    (url,) = await servers.urls(node, file, reader)
    await servers.close()
    await asyncio.to_thread(wait_until, lambda: not listeners(port_of(url)))
    with pytest.raises(SyncdeckError):
        await servers.urls(node, file, reader)


async def test_a_cancelled_start_leaves_no_server(bench: Bench, servers: NodeDataServers, wait_until: Wait) -> None:
    file, _ = await served(bench, "node-1")
    home = ("HOME", str(bench.fleet["node-1"].home))

    def running() -> set[int]:
        return listeners(environment=home)

    before = running()
    starting = asyncio.create_task(servers.urls(bench.endpoint("node-1"), file, bench.endpoint("node-1")))
    await asyncio.to_thread(wait_until, lambda: starting.done() or bool(running() - before))
    starting.cancel()
    await asyncio.wait([starting])
    await servers.close()
    await asyncio.to_thread(wait_until, lambda: not running() - before)


async def test_who_may_not_be_asked_is_refused_in_words_and_gets_no_url(bench: Bench, tmp_path: Path) -> None:
    changes = {"node-0": {"nat_blocked": True}, "node-1": {"force_relay_mode": True}}
    policy = load(bench.fleet.write_hosts(tmp_path / "refused.yaml", hosts=changes)).policy
    made = NodeDataServers(bench.pool.get, bench.options, bench.pool.links, lambda: policy, SystemClock())
    try:
        file, _ = await served(bench, "node-0")
        refusal = await made.refusal(bench.endpoint("node-0"), bench.endpoint(ENGINE_NODE))
        assert refusal is not None and "node-0 is nat_blocked" in refusal
        assert await made.urls(bench.endpoint("node-0"), file, bench.endpoint(ENGINE_NODE)) == ()
        refusal = await made.refusal(bench.endpoint(ENGINE_NODE), bench.endpoint("node-1"))
        assert refusal is not None and "node-1 is in force_relay_mode" in refusal
    finally:
        await made.close()


async def test_a_taken_port_is_a_reason_and_no_error(bench: Bench, policy: Policy, servers: NodeDataServers) -> None:
    file, _ = await served(bench, "node-0")
    (url,) = await servers.urls(bench.endpoint("node-0"), file, bench.endpoint(ENGINE_NODE))
    fixed = replace(policy, engine=replace(policy.engine, http=replace(policy.engine.http, port=port_of(url))))
    made = NodeDataServers(bench.pool.get, bench.options, bench.pool.links, lambda: fixed, SystemClock())
    try:
        refusal = await made.refusal(bench.endpoint("node-1"), bench.endpoint(ENGINE_NODE))
        assert refusal is not None and "in use" in refusal
    finally:
        await made.close()


async def test_a_file_without_a_root_gets_no_url(bench: Bench, servers: NodeDataServers) -> None:
    file, _ = await served(bench, "node-0")
    assert await servers.urls(bench.endpoint("node-0"), replace(file, root=""), bench.endpoint(ENGINE_NODE)) == ()


async def test_a_manifest_of_another_version_is_refused(bench: Bench, servers: NodeDataServers) -> None:
    file, _ = await served(bench, "node-0")
    manifest = await servers.manifest(bench.endpoint("node-0"), file)
    assert (manifest.size_bytes, len(manifest.sha256s)) == (10_000, 1)
    Path(file.path).write_bytes(b"another")
    with pytest.raises(SyncdeckError) as caught:
        await servers.manifest(bench.endpoint("node-0"), file)
    assert caught.value.error_class is ErrorClass.SOURCE_CHANGED


async def test_the_cap_of_a_node_holds_for_its_server(bench: Bench, policy: Policy) -> None:
    capped = replace(policy, engine=replace(policy.engine, node_bandwidth_bytes_per_second={"node-0": 200_000}))
    made = NodeDataServers(bench.pool.get, bench.options, bench.pool.links, lambda: capped, SystemClock())
    try:
        file, content = await served(bench, "node-0", size=8_000_000)
        (url,) = await made.urls(bench.endpoint("node-0"), file, bench.endpoint(ENGINE_NODE))
        with await asyncio.to_thread(urllib.request.urlopen, url) as answer:
            begun = await asyncio.to_thread(answer.read, 100_000)
            reading = asyncio.create_task(asyncio.to_thread(answer.read))
            await (await bench.pool.get("node-0")).stat(file.path)
            assert not reading.done(), "at this rate it takes longer than a question and its answer"
            made.limit("node-0", 1_000_000_000)
            assert begun + await reading == content
    finally:
        await made.close()
