"""Work that a cancellation must not cut in half."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def finish_anyway(work: Coroutine[Any, Any, None]) -> None:
    """Run ``work`` to its end though this task is cancelled meanwhile; the cancellation is raised afterwards.

    Raises what ``work`` raised.
    """
    task = asyncio.get_running_loop().create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as cancellation:
            cancelled = cancellation
    if cancelled is not None:
        if not task.cancelled():
            task.exception()
        raise cancelled
    task.result()
