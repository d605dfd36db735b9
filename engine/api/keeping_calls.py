"""Keeping copies beside new versions, on both sides of the control socket: calls that travel, and calls passed on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import cast

from engine.client_levers import KeepClient
from engine.views_keeping import KeepPreview, KeepRequest, KeepResult


class KeepOverSocket(ABC):
    """See KeepClient; every call goes over the socket."""

    @abstractmethod
    async def _call(self, name: str, params: Mapping[str, object]) -> object:
        """Call a method of the running engine."""

    async def keep_both_preview(self, request: KeepRequest) -> KeepPreview:
        """See KeepClient."""
        return cast(KeepPreview, await self._call("keep_both_preview", {"request": request}))

    async def keep_both(self, request: KeepRequest) -> KeepResult:
        """See KeepClient."""
        return cast(KeepResult, await self._call("keep_both", {"request": request}))


class KeepPassedOn(ABC):
    """See KeepClient; every call is passed on to the engine in this process."""

    @property
    @abstractmethod
    def _engine(self) -> KeepClient:
        """Return the engine; raises SyncdeckError while there is none."""

    async def keep_both_preview(self, request: KeepRequest) -> KeepPreview:
        """See KeepClient."""
        return await self._engine.keep_both_preview(request)

    async def keep_both(self, request: KeepRequest) -> KeepResult:
        """See KeepClient."""
        return await self._engine.keep_both(request)
