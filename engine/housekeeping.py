"""Forgetting what is old: disk samples, acts and finished transfers, so that the store does not grow for ever."""

from __future__ import annotations

import asyncio

from engine.catalog.catalog import DataCatalog
from engine.clock import Clock
from engine.queue.queue import TransferQueue

TIDY_EVERY_SECONDS = 3_600.0
"""What is kept is days long (``SAMPLES_KEPT_SECONDS``, ``HISTORY_KEPT_SECONDS``) or many thousand rows (``AUDIT_KEPT``,
``HISTORY_KEPT_ROWS``): an hour more is nothing."""


class Housekeeping:
    """Prunes the store at the start and once an hour."""

    def __init__(self, catalog: DataCatalog, queue: TransferQueue, clock: Clock) -> None:
        self._catalog = catalog
        self._queue = queue
        self._clock = clock

    async def run(self) -> None:
        """Tidy for ever; raises StoreError where the store cannot be written."""
        while True:
            await self.once()
            await asyncio.sleep(TIDY_EVERY_SECONDS)

    async def once(self) -> None:
        """Forget what is older than it is worth keeping, and what is more than that by number."""
        await self._catalog.prune_ledger()
        await self._queue.prune(self._clock.now())
