"""The operator's levers as an engine offers them: archive, rules, nodes, copies kept. Parts of ``EngineClient``."""

from __future__ import annotations

from typing import Protocol

from engine.views import ActionResult, CheckResult, SyncPreview
from engine.views_archive import (
    ArchivePage,
    ArchivePolicyView,
    ArchivePreview,
    ArchiveRequest,
    CandidatePage,
    RestoreRequest,
    UsageView,
)
from engine.views_keeping import KeepPreview, KeepRequest, KeepResult
from engine.views_nodes import AtRiskPage, AtRiskRow, NodeDetail, RescueView
from engine.views_rules import DraftCheck, ExplainView, RuleDraft, RulesView, SaveResult, TrialView


class ArchiveClient(Protocol):
    """Drives, archives, deletions. Every method raises SyncdeckError."""

    async def usage(self, location: str, path: str = "") -> UsageView:
        """Return what fills a folder of a drive, one level deep, largest first."""
        ...

    async def candidates(self, location: str | None, offset: int, count: int, text: str = "") -> CandidatePage:
        """Return what could be archived, and what may not and why."""
        ...

    async def archives(self, offset: int, count: int, text: str = "") -> ArchivePage:
        """Return the archives and what is being done with them."""
        ...

    async def archive_preview(self, request: ArchiveRequest) -> ArchivePreview:
        """Return what a request would do, doing nothing."""
        ...

    async def archive_run(self, request: ArchiveRequest) -> ActionResult:
        """Start archiving what the preview showed."""
        ...

    async def archive_verify(self, archive_ids: tuple[int, ...]) -> CheckResult:
        """Read archives back in full, now; all of them when none is named."""
        ...

    async def archive_drill(self, count: int) -> CheckResult:
        """Restore a sample into scratch space, compare, and remove it again."""
        ...

    async def archive_cancel(self, archive_ids: tuple[int, ...]) -> ActionResult:
        """Stop what is being written or restored; originals stay."""
        ...

    async def restore(self, request: RestoreRequest) -> ActionResult:
        """Queue restores as transfers."""
        ...

    async def archive_undo(self) -> ActionResult:
        """Restore what was archived last, and by whom it is asked is written down."""
        ...

    async def archive_policy(self) -> ArchivePolicyView:
        """Return the automatic policy, its dry run, drills and allowances."""
        ...

    async def set_archive_policy(self, allowed: bool) -> ActionResult:
        """Let the automatic policy act, or take that back."""
        ...

    async def disk_allow(self, node: str, percent: float, seconds: float) -> ActionResult:
        """Raise a node's disk limit for a time (0 seconds: take it back)."""
        ...

    async def pin(self, key: str, reason: str = "") -> ActionResult:
        """Let no copy of an entry be archived away or deleted until it is unpinned; one that is pinned stays so."""
        ...

    async def unpin(self, key: str) -> ActionResult:
        """Take the pin of an entry away."""
        ...


class KeepClient(Protocol):
    """Copies that stand in the way of a new version. Every method raises SyncdeckError."""

    async def keep_both_preview(self, request: KeepRequest) -> KeepPreview:
        """Return which copies would get which names, and what goes on then, doing nothing."""
        ...

    async def keep_both(self, request: KeepRequest) -> KeepResult:
        """Give copies names of their own beside what takes their place; no content is overwritten or removed."""
        ...


class RulesClient(Protocol):
    """Routing rules. Every method raises SyncdeckError."""

    async def rules(self) -> RulesView:
        """Return all rules in order, with what each touches now."""
        ...

    async def check_rule(self, draft: RuleDraft) -> DraftCheck:
        """Return what a draft would mean: mistakes with their places, lint, the difference, a simulation."""
        ...

    async def rule_trial(self) -> TrialView | None:
        """Return what the draft that is being tried comes to so far; None while there is nothing to tell yet."""
        ...

    async def save_rule(self, draft: RuleDraft, digest: str) -> SaveResult:
        """Write a draft made against the text named by ``digest`` into the file; in effect at once."""
        ...

    async def undo_rules(self) -> SaveResult:
        """Take the last edit back: the identical bytes, unless somebody else edited since."""
        ...

    async def explain(self, key: str, node: str) -> ExplainView:
        """Return why an entry is, or is not, to be at a node."""
        ...


class NodesClient(Protocol):
    """Nodes that may go. Every method raises SyncdeckError."""

    async def at_risk(self, nodes: tuple[str, ...] = ()) -> tuple[AtRiskRow, ...]:
        """Return what would be lost with each node, worst first."""
        ...

    async def at_risk_entries(self, node: str, offset: int, count: int) -> AtRiskPage:
        """Return what only this node holds."""
        ...

    async def node_detail(self, node: str) -> NodeDetail:
        """Return one node in full."""
        ...

    async def drain_preview(self, node: str) -> SyncPreview:
        """Return what a drain would move, and what it could not."""
        ...

    async def drain(self, node: str) -> ActionResult:
        """Move everything off a node that the rules want kept, and take nothing new there."""
        ...

    async def drain_cancel(self, node: str) -> ActionResult:
        """Stop draining; what was copied stays."""
        ...

    async def rescues(self) -> tuple[RescueView, ...]:
        """Return emergencies and drains that run, and the last ones that ended."""
        ...
