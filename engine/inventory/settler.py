"""Settling what files hold, beside everything else: a few hashes at once, one on each node, none of them waited for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from engine.clock import Clock
from engine.errors import SyncdeckError
from engine.inventory.hasher import Hasher, replicas_to_hash
from engine.model import DataEntry

log = logging.getLogger(__name__)

AT_ONCE = 400
"""Small files of a node are hashed by requests of two hundred: one under way, one being gathered."""
MOST_WAITING = 5_000
"""More are offered again by a planning pass that follows when most of these are done; a list of all would grow with
the catalog."""
ROOM_AGAIN_SHARE = 0.2
RETRY_SECONDS = 60.0


class Settler:
    """Takes entries whose copies must be hashed before they can be planned; says when one is settled."""

    def __init__(
        self, hasher: Hasher, clock: Clock, on_settled: Callable[[bool], None], most_waiting: int = MOST_WAITING
    ) -> None:
        """``on_settled`` hears of each entry; True: there is room again for those that were turned away."""
        self._hasher = hasher
        self._clock = clock
        self._on_settled = on_settled
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._not_before: dict[str, float] = {}
        self._taken = False
        self._turned_away = False
        self._most_waiting = most_waiting

    def offer(self, entry: DataEntry) -> bool:
        """Start settling an entry; return whether it is not to be planned yet.

        That is so while it is being settled, and where there is no room for it: it is offered again. It is not so for
        what need not be settled, or failed to be a moment ago.
        """
        key = str(entry.key)
        if key in self._busy:
            return True
        due = self._clock.monotonic() >= self._not_before.get(key, 0.0)
        if not due or not replicas_to_hash(entry):
            return False
        if len(self._busy) >= self._most_waiting:
            self._turned_away = True
            return True
        self._taken = True
        self._busy[key] = asyncio.get_running_loop().create_task(self._settle(entry), name=f"hash {key}")
        return True

    def settling(self, entry: DataEntry) -> bool:
        """Return whether an entry is being settled: what it holds is not known yet."""
        return str(entry.key) in self._busy

    async def idle(self) -> bool:
        """Wait until nothing is being settled; return whether anything was taken on since this was last asked.

        What is over by now counts too: it was left out of the plan while it was being settled.
        """
        while self._busy:
            await asyncio.wait(list(self._busy.values()))
        taken, self._taken = self._taken, False
        return taken

    async def stop(self) -> None:
        """End what is under way; it is offered again at the next start."""
        tasks = list(self._busy.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._hasher.stop()

    async def _settle(self, entry: DataEntry) -> None:
        key = str(entry.key)
        try:
            async with self._slots:
                failures = await self._hasher.settle(entry)
            for failure in failures:
                log.warning("%s could not be hashed and is tried again: %s; %s", key, failure, failure.remedy)
            self._note(key, failed=bool(failures))
        except SyncdeckError as error:
            log.error("%s could not be hashed: %s; %s", key, error, error.remedy)
            self._note(key, failed=True)
        finally:
            del self._busy[key]
            room_again = self._turned_away and len(self._busy) < ROOM_AGAIN_SHARE * self._most_waiting
            self._turned_away = self._turned_away and not room_again
            self._on_settled(room_again)

    def _note(self, key: str, failed: bool) -> None:
        if failed:
            self._not_before[key] = self._clock.monotonic() + RETRY_SECONDS
        else:
            self._not_before.pop(key, None)
