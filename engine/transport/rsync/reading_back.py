"""What the target holds after rsync, as its own agent reads it back: hashed while rsync writes where that can be."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from engine.errors import SyncdeckError
from engine.model import FileKind
from engine.remote.types import ContentInfo, NodeAgent
from engine.transport.types import TransferJob


class ReadBack:
    """The hash of one temporary file. ``in_order``: rsync writes each byte once and in order, so it can be followed.

    Made when rsync starts; ``result`` is asked for when it has ended well, ``end`` in every case.
    """

    def __init__(self, agent: NodeAgent, job: TransferJob, in_order: bool) -> None:
        self._agent = agent
        self._job = job
        self._following: asyncio.Task[ContentInfo] | None = None
        if in_order and job.size_bytes > 0:
            follow: Coroutine[Any, Any, ContentInfo] = agent.follow(job.temp_path, job.size_bytes, job.target_root)
            self._following = asyncio.get_running_loop().create_task(follow, name="read back")

    async def result(self) -> ContentInfo:
        """Return what was written: what followed it if that still holds, else all of it is hashed now."""
        now = await self._agent.stat(self._job.temp_path)
        if self._following is not None and now is not None and now.size_bytes == self._job.size_bytes:
            with contextlib.suppress(SyncdeckError):  # Then it is hashed from the beginning, which says what is wrong.
                followed = await self._following
                if followed.stat.same_content_as(now):
                    return replace(followed, stat=now)
        # Plain: equal bytes have equal fingerprints, and the source's is known.
        return await self._agent.hash(self._job.temp_path, FileKind.PLAIN)

    async def end(self) -> None:
        """Stop following; nothing happens when that has ended."""
        if self._following is None:
            return
        self._following.cancel()
        await asyncio.wait([self._following])
        if not self._following.cancelled():
            self._following.exception()
