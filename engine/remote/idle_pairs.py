"""Pairs of agents that wait for the next batch between their nodes: starting them anew is a tenth of a batch's work."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from engine.remote.batch_pair import BatchPair
from engine.remote.types import Endpoint

IDLE_SECONDS = 60.0
"""As long as the shortest time after which new files are usually met: the next batch finds them still there."""
MOST_AT_A_NODE = 3
"""As many as a node has batches at once; each is an interpreter of some 15 MB that does nothing."""


@dataclass(frozen=True, slots=True)
class _Idle:
    pair: BatchPair
    timer: asyncio.TimerHandle


class IdlePairs:
    """Keeps what is idle while both its nodes have a session. Lives on the event loop's thread."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._sessions: Counter[str] = Counter()
        self._idle: list[_Idle] = []
        self._ending: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._idle)

    def session_began(self, node_id: str) -> None:
        """Hear of a session with a node."""
        self._sessions[node_id] += 1

    def session_ended(self, node_id: str) -> None:
        """Hear of its end: what waits at a node without any is ended."""
        self._sessions[node_id] -= 1
        if not self._sessions[node_id]:
            for idle in [idle for idle in self._idle if node_id in _nodes(idle.pair)]:
                self._end(idle)

    def take(self, source: Endpoint, target: Endpoint, apart: bool = False) -> BatchPair | None:
        """Return the pair between these ends that was used last, which is the caller's then; None: there is none.

        ``apart``: one whose stream goes past us.
        """
        for idle in reversed(self._idle):
            ends = idle.pair.source.endpoint, idle.pair.target.endpoint, idle.pair.name is not None
            if ends == (source, target, apart):
                self._forget(idle)
                if idle.pair.alive:
                    return idle.pair
                self._in_background(idle.pair.kill())
        return None

    async def keep(self, pair: BatchPair) -> None:
        """Let a pair wait, of which both ends did their part; where that is too many, the longest idle is ended."""
        nodes = _nodes(pair)
        if not all(self._sessions[node_id] for node_id in nodes):
            await asyncio.shield(self._in_background(pair.kill()))
            return
        for node_id in nodes:
            there = [idle for idle in self._idle if node_id in _nodes(idle.pair)]
            for idle in there[: max(0, len(there) + 1 - MOST_AT_A_NODE)]:
                self._end(idle)
        self._idle.append(_Idle(pair, asyncio.get_running_loop().call_later(self._idle_seconds, self._expire, pair)))

    async def close(self) -> None:
        """End what is idle and return when it is gone."""
        for idle in list(self._idle):
            self._end(idle)
        await asyncio.gather(*self._ending)

    def _expire(self, pair: BatchPair) -> None:
        for idle in [idle for idle in self._idle if idle.pair is pair]:
            self._end(idle)

    def _end(self, idle: _Idle) -> None:
        self._forget(idle)
        self._in_background(idle.pair.kill())

    def _forget(self, idle: _Idle) -> None:
        idle.timer.cancel()
        self._idle.remove(idle)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name="end idle agents")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task


def _nodes(pair: BatchPair) -> tuple[str, str]:
    return pair.source.endpoint.node_id, pair.target.endpoint.node_id
