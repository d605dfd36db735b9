"""Python's cyclic garbage collector, kept from holding the event loop up: what lasts is not walked again and again.

A full collection walks every object that has lasted, a hundred thousand at a large catalog: tens of milliseconds in
which nothing else runs. So each full collection puts what survived it aside (``gc.freeze``), and the next one walks
only what came since. Frozen objects are freed as ever when the last reference goes; only rings of them stay, and
these are looked for when memory has grown and the engine has nothing to do, or when it has grown too much.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable

YOUNG, MIDDLE, FULL = 700, 4, 1
"""A full collection every second middle one: it then walks some 7,000 objects at most, about 1 ms."""
LOOK_SECONDS = 60.0
THAW_IDLE_BLOCKS = 200_000
THAW_ANYWAY_BLOCKS = 2_000_000
"""How many blocks of memory (one or two an object) more than after the last look for rings make the next one worth its
time: idle, and in any case. Blocks, because the objects put aside cannot be counted without walking them all."""


class Collector:
    """Holds the collector's settings of this process while it is started; ``stop`` puts the earlier ones back."""

    def __init__(self, idle: Callable[[], bool]) -> None:
        """``idle`` says whether a hold-up of some tenths of a second would be noticed by nobody."""
        self._idle = idle
        self._earlier: tuple[int, int, int] | None = None
        self._thawed = 0

    def start(self) -> None:
        """Put aside all that is there now, and from now on what survives a full collection."""
        if self._earlier is not None:
            return
        self._earlier = gc.get_threshold()
        gc.set_threshold(YOUNG, MIDDLE, FULL)
        gc.callbacks.append(self._collected)
        gc.freeze()  # Not a thaw: nobody waits for rings that were made while the program was loaded.
        self._begin_anew()

    def stop(self) -> None:
        """Put the collector back as it was; nothing happens when it was not started."""
        if self._earlier is None:
            return
        gc.callbacks.remove(self._collected)
        gc.set_threshold(*self._earlier)
        self._earlier = None
        gc.unfreeze()

    async def run(self) -> None:
        """Look for rings among what was put aside, now and again, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self.worth_thawing(self._idle()):
                self.thaw()

    def worth_thawing(self, idle: bool) -> bool:
        """Return whether memory has grown enough since the last look for rings."""
        return sys.getallocatedblocks() - self._thawed > (THAW_IDLE_BLOCKS if idle else THAW_ANYWAY_BLOCKS)

    def thaw(self) -> None:
        """Free all rings among what was put aside. Takes a tenth of a second for half a million objects."""
        gc.unfreeze()
        gc.collect()  # Its end puts aside what is left.
        self._begin_anew()

    def _begin_anew(self) -> None:
        # The interpreter puts a full collection off until a quarter of what the one before left alive has come anew.
        # With everything put aside this one leaves next to nothing alive: the next ones come soon, and are short.
        gc.collect()
        self._thawed = sys.getallocatedblocks()

    def _collected(self, phase: str, info: dict[str, int]) -> None:
        if phase == "stop" and info["generation"] == 2:
            gc.freeze()
