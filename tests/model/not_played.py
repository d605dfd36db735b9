"""Requests that only parts make which the model fleet does not run; a call fails the test."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from engine.remote.dialogue import Dialogue
from engine.remote.types import ChunkHashes, ContentInfo, PagesRequest, ProbeResult
from engine.views_archive import UsageRow

NOT_PLAYED = "the model does not play this request"


class NotPlayed:
    """The part of a node's agent that is not played."""

    async def follow(self, temp_path: str, size_bytes: int, root: str) -> ContentInfo:
        raise NotImplementedError(NOT_PLAYED)

    async def manifest(self, path: str, chunk_bytes: int) -> ChunkHashes:
        raise NotImplementedError(NOT_PLAYED)

    async def probe_http(self, host: str, port: int, target: str, seconds: float) -> ProbeResult:
        raise NotImplementedError(NOT_PLAYED)

    def pages(self, request: PagesRequest) -> AbstractAsyncContextManager[Dialogue]:
        raise NotImplementedError(NOT_PLAYED)

    async def usage_tree(self, location: str, root: str, archives: str, most: int) -> Sequence[UsageRow]:
        raise NotImplementedError(NOT_PLAYED)

    async def processes(self, names: Sequence[str]) -> list[tuple[int, str]]:
        raise NotImplementedError(NOT_PLAYED)
