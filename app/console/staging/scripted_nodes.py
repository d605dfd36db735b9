"""The nodes' part of the scripted engine: what is at risk follows its view, rescues are handed to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from app.console.staging.scripted_part import ScriptedPart
from engine.views import ActionResult, SyncPreview, SyncRequest
from engine.views_nodes import AtRiskEntry, AtRiskPage, AtRiskRow, HoldingRow, NodeDetail, RescueView


@dataclass(slots=True)
class NodesScript:
    """What the script says of nodes beside its view; tests change it as an engine changes."""

    rescues: tuple[RescueView, ...] = ()
    preview_of: Callable[[str], SyncPreview] | None = None
    games_each: int | None = 1_500


class ScriptedNodes(ScriptedPart):
    """The nodes; ``nodes`` is their script."""

    nodes: NodesScript

    async def at_risk(self, nodes: tuple[str, ...] = ()) -> tuple[AtRiskRow, ...]:
        """Return what the view says would be lost."""
        self._answer()
        each = self.nodes.games_each
        rows = []
        for node in self.view.nodes:
            if node.state == "unused" or (nodes and node.node not in nodes):
                continue
            dead = node.state not in ("up", "unknown")
            games = None if each is None else each * node.at_risk_entries
            seen = node.last_seen_at if dead else None
            since = None if seen is None else seen + 90.0
            rows.append(
                AtRiskRow(node.node, self.view.at, node.at_risk_entries, games, node.at_risk_bytes, since, seen)
            )
        return tuple(sorted(rows, key=lambda row: (-row.bytes, row.node)))

    async def at_risk_entries(self, node: str, offset: int, count: int) -> AtRiskPage:
        """Return as many made-up files as the view says, which together have its bytes."""
        (risk,) = await self.at_risk((node,)) or (AtRiskRow(node, self.view.at, 0, None, 0),)
        shares = risk.entries * (risk.entries + 1) // 2 or 1
        rows = tuple(
            AtRiskEntry(
                f"games:selfplay/p2p_gpu/square19_3p/games_square19_3p_{index:04d}.db@{node}", node,
                risk.bytes * (index + 1) // shares, risk.bytes * (index + 1) // shares, self.nodes.games_each,
                "the only copy" if index % 3 else "newer content than the saved version is only there",
            )
            for index in range(offset, min(risk.entries, offset + count))
        )  # fmt: skip
        return AtRiskPage(self.view.at, node, risk.entries, offset, rows)

    async def node_detail(self, node: str) -> NodeDetail:
        """Return a node with made-up holdings."""
        (risk,) = await self.at_risk((node,)) or (AtRiskRow(node, self.view.at, 0, None, 0),)
        rescue = next((view for view in self.nodes.rescues if node in view.nodes), None)
        state = next((item.state for item in self.view.nodes if item.node == node), "unknown")
        holds = (HoldingRow("games", 412, 61_000_000_000), HoldingRow("models", 18, 4_300_000_000))
        draining = rescue is not None and rescue.kind == "drain"
        return NodeDetail(node, state, ("100.64.0.7:22", "198.51.100.7:40022"), holds, risk, draining, rescue)

    async def drain_preview(self, node: str) -> SyncPreview:
        """Return the scripted preview."""
        self._answer()
        if self.nodes.preview_of is None:
            return SyncPreview(SyncRequest(nodes=(node,)), 0, 0, (), None, (), ())
        return self.nodes.preview_of(node)

    async def drain(self, node: str) -> ActionResult:
        """Record a drain; it runs from now on."""
        result = self._did("drain", node, f"Draining {node}: nothing new is placed there.")
        (risk,) = await self.at_risk((node,)) or (AtRiskRow(node, self.view.at, 0, None, 0),)
        sentence = f"not safe to switch off: {risk.entries} files on {node} are nowhere else yet"
        begun = RescueView(
            "drain", (node,), "running", self.view.at, None, risk.entries, 0, risk.bytes, 0, None, (), 0, sentence
        )
        self.nodes.rescues = (begun, *self.nodes.rescues)
        self.show(self.view)
        return result

    async def drain_cancel(self, node: str) -> ActionResult:
        """Record that a drain is taken back."""
        result = self._did("drain_cancel", node, f"{node} takes copies again; what was copied stays.")
        self.nodes.rescues = tuple(
            replace(
                view,
                state="done",
                finished_at=self.view.at,
                sentence="cancelled: it takes copies again",
                cancelled=True,
            )
            if view.kind == "drain" and node in view.nodes
            else view
            for view in self.nodes.rescues
        )
        self.show(self.view)
        return result

    async def rescues(self) -> tuple[RescueView, ...]:
        """Return the scripted rescues."""
        self._answer()
        return self.nodes.rescues
