"""What the scripted engine does not play: archive and rules, which are tried over the socket on real engines."""

from __future__ import annotations

from typing import NoReturn

from engine.errors import SyncdeckError
from engine.views import ActionResult, CheckResult
from engine.views_archive import (
    ArchivePage,
    ArchivePolicyView,
    ArchivePreview,
    ArchiveRequest,
    CandidatePage,
    RestoreRequest,
    UsageView,
)
from engine.views_rules import DraftCheck, ExplainView, RuleDraft, RulesView, SaveResult, TrialView


def _unscripted(name: str) -> NoReturn:
    raise SyncdeckError("ask", name, "the script does not play it", "play it in tests/api/scripted_engine.py")


class Unscripted:
    """Every call of ``ArchiveClient`` and ``RulesClient``; each raises SyncdeckError."""

    async def usage(self, location: str, path: str = "") -> UsageView:
        _unscripted("usage")

    async def candidates(self, location: str | None, offset: int, count: int, text: str = "") -> CandidatePage:
        _unscripted("candidates")

    async def archives(self, offset: int, count: int, text: str = "") -> ArchivePage:
        _unscripted("archives")

    async def archive_preview(self, request: ArchiveRequest) -> ArchivePreview:
        _unscripted("archive_preview")

    async def archive_run(self, request: ArchiveRequest) -> ActionResult:
        _unscripted("archive_run")

    async def archive_verify(self, archive_ids: tuple[int, ...]) -> CheckResult:
        _unscripted("archive_verify")

    async def archive_drill(self, count: int) -> CheckResult:
        _unscripted("archive_drill")

    async def archive_cancel(self, archive_ids: tuple[int, ...]) -> ActionResult:
        _unscripted("archive_cancel")

    async def restore(self, request: RestoreRequest) -> ActionResult:
        _unscripted("restore")

    async def archive_undo(self) -> ActionResult:
        _unscripted("archive_undo")

    async def archive_policy(self) -> ArchivePolicyView:
        _unscripted("archive_policy")

    async def set_archive_policy(self, allowed: bool) -> ActionResult:
        _unscripted("set_archive_policy")

    async def disk_allow(self, node: str, percent: float, seconds: float) -> ActionResult:
        _unscripted("disk_allow")

    async def pin(self, key: str, reason: str = "") -> ActionResult:
        _unscripted("pin")

    async def unpin(self, key: str) -> ActionResult:
        _unscripted("unpin")

    async def rules(self) -> RulesView:
        _unscripted("rules")

    async def check_rule(self, draft: RuleDraft) -> DraftCheck:
        _unscripted("check_rule")

    async def rule_trial(self) -> TrialView | None:
        _unscripted("rule_trial")

    async def save_rule(self, draft: RuleDraft, digest: str) -> SaveResult:
        _unscripted("save_rule")

    async def undo_rules(self) -> SaveResult:
        _unscripted("undo_rules")

    async def explain(self, key: str, node: str) -> ExplainView:
        _unscripted("explain")
