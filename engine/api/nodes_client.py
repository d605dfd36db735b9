"""The nodes' part of EngineClient on both sides of the control socket: calls that travel, and calls passed on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import cast

from engine.client import EngineClient
from engine.views import ActionResult, SyncPreview
from engine.views_nodes import AtRiskPage, AtRiskRow, NodeDetail, RescueView


class NodesOverSocket(ABC):
    """See NodesClient; every call goes over the socket."""

    @abstractmethod
    async def _call(self, name: str, params: Mapping[str, object]) -> object:
        """Call a method of the running engine."""

    async def at_risk(self, nodes: tuple[str, ...] = ()) -> tuple[AtRiskRow, ...]:
        """See NodesClient."""
        return cast("tuple[AtRiskRow, ...]", await self._call("at_risk", {"nodes": nodes}))

    async def at_risk_entries(self, node: str, offset: int, count: int) -> AtRiskPage:
        """See NodesClient."""
        params = {"node": node, "offset": offset, "count": count}
        return cast(AtRiskPage, await self._call("at_risk_entries", params))

    async def node_detail(self, node: str) -> NodeDetail:
        """See NodesClient."""
        return cast(NodeDetail, await self._call("node_detail", {"node": node}))

    async def drain_preview(self, node: str) -> SyncPreview:
        """See NodesClient."""
        return cast(SyncPreview, await self._call("drain_preview", {"node": node}))

    async def drain(self, node: str) -> ActionResult:
        """See NodesClient."""
        return cast(ActionResult, await self._call("drain", {"node": node}))

    async def drain_cancel(self, node: str) -> ActionResult:
        """See NodesClient."""
        return cast(ActionResult, await self._call("drain_cancel", {"node": node}))

    async def rescues(self) -> tuple[RescueView, ...]:
        """See NodesClient."""
        return cast("tuple[RescueView, ...]", await self._call("rescues", {}))


class NodesPassedOn(ABC):
    """See NodesClient; every call is passed on to the engine in this process."""

    @property
    @abstractmethod
    def _engine(self) -> EngineClient:
        """The engine."""

    async def at_risk(self, nodes: tuple[str, ...] = ()) -> tuple[AtRiskRow, ...]:
        """See NodesClient."""
        return await self._engine.at_risk(nodes)

    async def at_risk_entries(self, node: str, offset: int, count: int) -> AtRiskPage:
        """See NodesClient."""
        return await self._engine.at_risk_entries(node, offset, count)

    async def node_detail(self, node: str) -> NodeDetail:
        """See NodesClient."""
        return await self._engine.node_detail(node)

    async def drain_preview(self, node: str) -> SyncPreview:
        """See NodesClient."""
        return await self._engine.drain_preview(node)

    async def drain(self, node: str) -> ActionResult:
        """See NodesClient."""
        return await self._engine.drain(node)

    async def drain_cancel(self, node: str) -> ActionResult:
        """See NodesClient."""
        return await self._engine.drain_cancel(node)

    async def rescues(self) -> tuple[RescueView, ...]:
        """See NodesClient."""
        return await self._engine.rescues()
