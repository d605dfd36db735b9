"""Streams straight from node to node: only where that is configured, by the operator's agent, never unchecked."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from config.load import load
from engine.clock import SystemClock
from engine.errors import ErrorClass, SyncdeckError
from engine.model import FileKind, NodeState
from engine.remote.direct import run_direct
from engine.remote.onward import onward_to
from engine.remote.ssh import ssh_argv
from engine.remote.stream import Unreached
from engine.remote.types import StreamJob, StreamOutcome
from engine.transport.agent import AgentTransport
from engine.transport.direct import DIRECT_WAY, DirectStreams
from tests.fleet import Fleet
from tests.fleet_agent import ssh_agent
from tests.fleet_sshd import wait_for_the_end_of
from tests.transport.conftest import Bench

MIB = 1 << 20
SOURCE, TARGET = "node-0", "node-1"


@pytest.fixture
def agent(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The operator's agent holds the key that all nodes accept."""
    with ssh_agent(fleet.identity) as socket:
        monkeypatch.setenv("SSH_AUTH_SOCK", socket)
        yield


def ignore(done: int, wire: int) -> None:
    """No one looks at the progress."""


Hosts = dict[str, dict[str, Any]]


def transport(bench: Bench, folder: Path, forward: Any, hosts: Hosts | None = None) -> AgentTransport:
    """Return the agent's stream with this word on forwarding in the configuration."""
    ssh = {"known_hosts": str(bench.options.known_hosts), "forward_agent": forward}
    file = bench.fleet.write_hosts(folder / "direct.yaml", hosts=hosts, extra={"data_plane": {"ssh": ssh}})
    policy = load(file).policy
    links = bench.pool.links
    direct = DirectStreams(bench.pool.get, lambda: policy, bench.options, links, SystemClock())
    return AgentTransport(bench.pool.get, bench.options, links, direct=direct)


async def moved(bench: Bench, mover: AgentTransport, size: int = 3 * MIB, name: str = "a.npz") -> StreamOutcome:
    """Copy a file from one node to the other, and see that it arrived as it was."""
    path = bench.folder(SOURCE) / name
    path.write_bytes(random.Random(size).randbytes(size))
    job = await bench.job(SOURCE, TARGET, path)
    outcome = await mover.copy(job, ignore)
    assert Path(job.temp_path).read_bytes() == path.read_bytes()
    assert outcome.size_bytes == size
    Path(job.temp_path).unlink()
    return outcome


@pytest.mark.parametrize("size", [0, 1, 5 * MIB + 17])
async def test_where_forwarding_is_configured_the_bytes_go_from_node_to_node(
    bench: Bench, agent: None, tmp_path: Path, size: int
) -> None:
    mover = transport(bench, tmp_path, True)
    assert (await moved(bench, mover, size)).way == DIRECT_WAY


@pytest.mark.parametrize("forward", [False, [TARGET], ["gpu-*"]])
async def test_a_node_that_is_not_named_is_never_given_the_agent(
    bench: Bench, agent: None, tmp_path: Path, forward: Any
) -> None:
    assert (await moved(bench, transport(bench, tmp_path, forward))).way == ""


@pytest.mark.parametrize(
    ("host", "changes"), [(TARGET, {"nat_blocked": True}), (SOURCE, {"force_relay_mode": True})], ids=["nat", "relay"]
)
async def test_nodes_that_cannot_be_reached_directly_are_not_tried(
    bench: Bench, agent: None, tmp_path: Path, host: str, changes: dict[str, Any]
) -> None:
    outcome = await moved(bench, transport(bench, tmp_path, [SOURCE], {host: changes}))
    assert outcome.way.startswith("through the engine: ") and host in outcome.way


async def test_without_an_agent_the_stream_goes_through_the_engine_and_says_so(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    outcome = await moved(bench, transport(bench, tmp_path, [SOURCE]))
    assert outcome.way.startswith("through the engine: ") and "no ssh-agent" in outcome.way


async def test_an_agent_without_the_key_is_refused_by_the_target_and_that_is_remembered(
    bench: Bench, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mover = transport(bench, tmp_path, [SOURCE])
    with ssh_agent(None) as socket:
        monkeypatch.setenv("SSH_AUTH_SOCK", socket)
        first = await moved(bench, mover)
    with ssh_agent(fleet.identity) as socket:
        monkeypatch.setenv("SSH_AUTH_SOCK", socket)
        again = await moved(bench, mover, name="b.npz")
    assert first.way.startswith("through the engine: ") and "Permission denied" in first.way
    assert again.way == first.way


async def test_a_host_key_that_is_not_the_enrolled_one_ends_the_way_before_a_byte_is_sent(
    bench: Bench, fleet: Fleet, agent: None
) -> None:
    """The key of another node stands for that of whoever answers at the target's address instead of it."""
    target = fleet[TARGET].endpoint
    onward = await onward_to(target, target.addresses[0], fleet.user, bench.options)
    assert onward is not None
    other = f"[127.0.0.1]:{fleet[TARGET].port} {fleet[SOURCE].server.host_public_key()}\n"
    path = bench.folder(SOURCE) / "a.npz"
    path.write_bytes(bytes(MIB))
    temp = bench.folder(TARGET) / ".a.npz.syncdeck-0123abcd-00000001-1-0123456789ab.part"
    job = StreamJob(str(path), str(temp), MIB, "0123456789ab", FileKind.PLAIN)
    ways = [replace(onward, known_hosts=other)]
    with pytest.raises(Unreached) as refused:
        await run_direct(fleet[SOURCE].endpoint, target, ways, job, bench.options, ignore, links=bench.pool.links)
    assert [failure.state for failure in refused.value.failures] == [NodeState.HOST_KEY_CHANGED.value]
    assert not temp.exists()


async def test_without_an_enrolled_key_there_is_no_way(bench: Bench, fleet: Fleet, tmp_path: Path) -> None:
    target = fleet[TARGET].endpoint
    (tmp_path / "empty").write_text("")
    options = replace(bench.options, known_hosts=str(tmp_path / "empty"))
    assert await onward_to(target, target.addresses[0], fleet.user, options) is None


async def test_only_the_stream_itself_is_given_the_agent(bench: Bench, agent: None, tmp_path: Path) -> None:
    """Its connection is not the one that all others share."""
    assert (await moved(bench, transport(bench, tmp_path, [SOURCE]))).way == DIRECT_WAY
    node = bench.fleet[SOURCE].endpoint
    shared = ssh_argv(node, node.addresses[0], bench.options, "env")
    told = await asyncio.to_thread(subprocess.run, shared, check=True, capture_output=True, text=True)
    assert "HOME=" in told.stdout and "SSH_AUTH_SOCK" not in told.stdout


async def test_a_cancelled_copy_ends_the_ssh_between_the_nodes(
    bench: Bench, fleet: Fleet, agent: None, tmp_path: Path
) -> None:
    mover = transport(bench, tmp_path, [SOURCE])
    path = bench.folder(SOURCE) / "a.npz"
    path.write_bytes(random.Random(1).randbytes(8 * MIB))
    job = await bench.job(SOURCE, TARGET, path, bytes_per_second=MIB)
    begun = asyncio.Event()
    copying = asyncio.create_task(mover.copy(job, lambda done, wire: begun.set() if done else None))
    await begun.wait()
    started = psutil.Process(fleet[SOURCE].server.pid).children(recursive=True)
    onward = [process for process in started if process.name() == "ssh"]
    receiver = [
        process
        for process in psutil.Process(fleet[TARGET].server.pid).children(recursive=True)
        if job.temp_path in {file.path for file in process.open_files()}
    ]
    assert len(onward) == 1 and len(receiver) == 1
    copying.cancel()
    await asyncio.wait([copying])
    assert copying.cancelled()
    await asyncio.to_thread(wait_for_the_end_of, onward + receiver)


async def test_what_goes_wrong_at_the_target_is_told_by_the_target(bench: Bench, agent: None, tmp_path: Path) -> None:
    mover = transport(bench, tmp_path, [SOURCE])
    path = bench.folder(SOURCE) / "a.npz"
    path.write_bytes(bytes(MIB))
    job = await bench.job(SOURCE, TARGET, path)
    os.mkdir(job.temp_path)
    with pytest.raises(SyncdeckError) as failure:
        await mover.copy(job, ignore)
    os.rmdir(job.temp_path)
    assert failure.value.error_class is not ErrorClass.TRANSIENT_NETWORK
    assert failure.value.subject == TARGET
