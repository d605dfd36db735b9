"""Small batches off the wire made into larger ones for the catalog, the next of which is read while one is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from engine.remote.types import ScanBatch

FILES_AT_ONCE = 2_000
"""A batch off the wire is small, for the event loop decodes it; a transaction costs the same for eight of them."""


async def gathered(
    batches: AsyncGenerator[ScanBatch, None], files: int = FILES_AT_ONCE
) -> AsyncGenerator[ScanBatch, None]:
    """Yield the same scan in batches of about ``files`` files; a root's status still comes after all its files.

    At most one batch waits beside the one that the caller works on. Raises what ``batches`` raises, after what
    was read before it. Close it (``contextlib.aclosing``) when the loop over it may end early.
    """
    source = _merged(batches, files)
    coming = asyncio.ensure_future(anext(source, None))
    try:
        while (batch := await coming) is not None:
            coming = asyncio.ensure_future(anext(source, None))
            yield batch
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
        await source.aclose()


async def _merged(batches: AsyncGenerator[ScanBatch, None], files: int) -> AsyncGenerator[ScanBatch, None]:
    waiting: list[ScanBatch] = []
    try:
        async with aclosing(batches):
            async for batch in batches:
                waiting.append(batch)
                await asyncio.sleep(0)  # Several may be there already, and each took a millisecond or two to decode.
                whole = bool(batch.roots) or batch.look is not None
                if whole or sum(len(one.files) + len(one.temporaries) for one in waiting) >= files:
                    yield _as_one(waiting)
                    waiting = []
    except Exception:
        if waiting:
            yield _as_one(waiting)
        raise
    if waiting:
        yield _as_one(waiting)


def _as_one(batches: list[ScanBatch]) -> ScanBatch:
    return ScanBatch(
        tuple(file for batch in batches for file in batch.files),
        tuple(temporary for batch in batches for temporary in batch.temporaries),
        tuple(status for batch in batches for status in batch.roots),
        batches[-1].look,
    )
