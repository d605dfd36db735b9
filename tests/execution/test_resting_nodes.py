"""A node that every transport fails with is left alone, visibly, without burning attempts; a probe brings it back."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from engine.model import TransferState, Transport
from tests.execution.data import temporaries
from tests.execution.test_runner_loop import model, until
from tests.execution.world import open_world
from tests.fleet import Fleet

S = TransferState


async def test_what_is_for_a_dead_node_waits_with_its_reason_and_arrives_when_it_is_back(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.transport.breakers.FIRST_COOL_DOWN_SECONDS", 1.0)
    names = [f"m{number}.pth" for number in range(8)]
    for name in names:
        (fleet["node-0"].models / name).write_bytes(os.urandom(20_000))
    async with open_world(fleet, tmp_path / "state.db", "00000001") as world:
        await world.scan()
        fleet["node-2"].kill()
        ids = [await world.ask(model(name), "node-0", "node-2", Transport.AGENT) for name in names]
        running = asyncio.create_task(world.runner.run())

        async def all_wait() -> bool:
            found = [await world.transfer(number) for number in ids]
            return all(t.state is S.WAITING and "node-2: every transport fails" in t.reason for t in found)

        await until(all_wait)
        waiting = await world.transfer(ids[0])
        assert "tried again at" in waiting.reason

        async def attempts() -> int:
            return sum([len(await world.queue.attempts(number)) for number in ids])

        tried = await attempts()
        closed = world.tools.transports.breakers.closed_nodes()
        assert set(closed) == {"node-2"}
        assert world.tools.transports.breakers.status("node-0", Transport.AGENT).why == ""

        async def probed_in_vain() -> bool:
            return any(s.trips > 1 for s in world.tools.transports.breakers.closed_nodes().values())

        await until(probed_in_vain)
        assert await attempts() - tried <= 2, "a probe is one transfer, not all of them"
        fleet["node-2"].start()

        async def all_done() -> bool:
            return all([(await world.transfer(number)).state is S.DONE for number in ids])

        await until(all_done)
        assert list(world.tools.transports.breakers.tripped()) == []
        await world.runner.stop()
        await running
    assert temporaries(fleet["node-2"].root) == []
    assert sorted(path.name for path in fleet["node-2"].models.iterdir()) == names
