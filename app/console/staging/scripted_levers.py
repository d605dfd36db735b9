"""The levers of the scripted engine: drives, archives, copies kept and routing rules that a scene hands it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from app.console.staging.scripted_part import ScriptedPart
from engine.errors import ErrorClass, SyncdeckError
from engine.views import ActionResult, CheckResult
from engine.views_archive import (
    ArchivePage,
    ArchivePolicyView,
    ArchivePreview,
    ArchiveRequest,
    ArchiveRow,
    CandidatePage,
    CandidateRow,
    RestoreRequest,
    UsageView,
)
from engine.views_keeping import KeepPreview, KeepRequest, KeepResult
from engine.views_rules import DraftCheck, ExplainView, RuleDraft, RulesView, SaveResult, TrialView


@dataclass(slots=True)
class LeverScript:
    """What the levers answer. ``candidate_at`` makes the candidate at a position, so that a million cost nothing."""

    usage_of: Callable[[str, str], UsageView] | None = None
    candidates: int = 0
    candidate_at: Callable[[int], CandidateRow] | None = None
    free_bytes: int = 0
    archives: tuple[ArchiveRow, ...] = ()
    preview_of: Callable[[ArchiveRequest], ArchivePreview] | None = None
    policy: ArchivePolicyView = field(default_factory=lambda: ArchivePolicyView(False, "", None, "", ()))
    rules: RulesView | None = None
    check_of: Callable[[RuleDraft], DraftCheck] = lambda _draft: DraftCheck((), "", None)
    trial: TrialView | None = None
    """What is told of drafts that are being tried; while there is one, checks do not end."""
    save_results: tuple[SaveResult, ...] = ()
    """What saving says, one after the other; after the last: saved."""
    explain_of: Callable[[str, str], ExplainView] | None = None
    keep_of: Callable[[KeepRequest], KeepPreview] | None = None


class ScriptedLevers(ScriptedPart):
    """The levers; ``levers`` is their script, and tests change it as an engine changes."""

    levers: LeverScript

    # -- copies kept ------------------------------------------------------------------------------

    async def keep_both_preview(self, request: KeepRequest) -> KeepPreview:
        """Return the scripted preview."""
        self._answer()
        if self.levers.keep_of is None:
            return KeepPreview(request, 0, 0, 0, (), ())
        return self.levers.keep_of(request)

    async def keep_both(self, request: KeepRequest) -> KeepResult:
        """Record it; what the script previews is done, and what it refuses stays."""
        preview = await self.keep_both_preview(request)
        result = self._did("keep_both", request, f"{preview.files} copies kept beside what is to come.")
        return KeepResult(preview.files, result.message, preview.transfers, preview.steps, preview.refused)

    # -- archive ----------------------------------------------------------------------------------

    async def usage(self, location: str, path: str = "") -> UsageView:
        """Return what the script says fills a folder."""
        self._answer()
        if self.levers.usage_of is None:
            return UsageView(self.view.at, location, path, ())
        return self.levers.usage_of(location, path)

    async def candidates(self, location: str | None, offset: int, count: int, text: str = "") -> CandidatePage:
        """Return a window onto the scripted candidates."""
        self._answer()
        make, known = self.levers.candidate_at, self.levers.candidates
        if make is None:
            return CandidatePage(self.view.at, 0, offset, (), 0)
        if location is None and not text:
            rows = tuple(make(index) for index in range(offset, min(known, offset + count)))
            return CandidatePage(self.view.at, known, offset, rows, self.levers.free_bytes)
        found = [
            row
            for row in map(make, range(known))
            if location in (None, row.location) and text.lower() in row.key.lower()
        ]
        free = sum(row.size_bytes for row in found if row.protected is None) * 2 // 3
        return CandidatePage(self.view.at, len(found), offset, tuple(found[offset : offset + count]), free)

    async def archives(self, offset: int, count: int, text: str = "") -> ArchivePage:
        """Return a window onto the scripted archives."""
        self._answer()
        found = [row for row in self.levers.archives if text.lower() in f"{row.key} {row.location}".lower()]
        return ArchivePage(self.view.at, len(found), offset, tuple(found[offset : offset + count]))

    async def archive_preview(self, request: ArchiveRequest) -> ArchivePreview:
        """Return the scripted preview."""
        self._answer()
        if self.levers.preview_of is None:
            return ArchivePreview(request, (), 0, 0, 0, "", None, ())
        return self.levers.preview_of(request)

    async def archive_run(self, request: ArchiveRequest) -> ActionResult:
        """Record an archiving; its archives are being written from now on."""
        result = self._did("archive_run", request, f"Archiving {len(request.keys)} files.")
        first = max((row.id for row in self.levers.archives), default=0) + 1
        fresh = tuple(_writing(first + index, key, self.view.at) for index, key in enumerate(request.keys))
        self.levers.archives = (*fresh, *self.levers.archives)
        self.show(self.view)
        return result

    async def archive_verify(self, archive_ids: tuple[int, ...]) -> CheckResult:
        """Record a verification."""
        result = self._did("archive_verify", archive_ids, "Reading archives back in full.")
        return CheckResult(result.accepted, result.message)

    async def archive_drill(self, count: int) -> CheckResult:
        """Record a drill."""
        result = self._did("archive_drill", count, f"Restoring {count} archives into scratch space.")
        return CheckResult(result.accepted, result.message)

    async def archive_cancel(self, archive_ids: tuple[int, ...]) -> ActionResult:
        """Record a cancel."""
        return self._did("archive_cancel", archive_ids, "Stopped; the originals stay.")

    async def restore(self, request: RestoreRequest) -> ActionResult:
        """Record a restore; the archives are being restored from now on."""
        result = self._did("restore", request, f"{len(request.archive_ids)} restores queued.")
        self._set_state(frozenset(request.archive_ids), "restoring")
        return result

    async def archive_undo(self) -> ActionResult:
        """Record that the last archiving is taken back."""
        result = self._did("archive_undo", None, "The last archiving is being restored.")
        self._set_state(frozenset(row.id for row in self.levers.archives if row.state == "writing"), "restoring")
        return result

    def _set_state(self, ids: frozenset[int], state: str) -> None:
        self.levers.archives = tuple(
            replace(row, state=state) if row.id in ids else row for row in self.levers.archives
        )
        self.show(self.view)

    async def archive_policy(self) -> ArchivePolicyView:
        """Return the scripted policy."""
        self._answer()
        return self.levers.policy

    async def set_archive_policy(self, allowed: bool) -> ActionResult:
        """Record, and hold, whether the policy may act."""
        result = self._did("set_archive_policy", allowed, "The policy acts." if allowed else "The policy only tells.")
        self.levers.policy = replace(self.levers.policy, allowed=allowed)
        self.show(self.view)
        return result

    async def disk_allow(self, node: str, percent: float, seconds: float) -> ActionResult:
        """Record an allowance."""
        return self._did("disk_allow", (node, percent, seconds), f"{node} may fill to {percent:.0f} %.")

    async def pin(self, key: str, reason: str = "") -> ActionResult:
        """Record a pin."""
        return self._did("pin", (key, reason), f"{key} is pinned.")

    async def unpin(self, key: str) -> ActionResult:
        """Record that a pin is taken away."""
        return self._did("unpin", key, f"{key} is no longer pinned.")

    # -- rules ------------------------------------------------------------------------------------

    async def rules(self) -> RulesView:
        """Return the scripted rules."""
        self._answer()
        return self.levers.rules or RulesView(self.view.at, self.view.engine.config, "", (), (), (), None)

    async def check_rule(self, draft: RuleDraft) -> DraftCheck:
        """Return what the script says of a draft."""
        self._answer()
        if self.levers.trial is not None:
            await asyncio.Event().wait()
        return self.levers.check_of(draft)

    async def rule_trial(self) -> TrialView | None:
        """Return the scripted trial."""
        return self.levers.trial

    async def save_rule(self, draft: RuleDraft, digest: str) -> SaveResult:
        """Record a save and return what the script says of it."""
        self._did("save_rule", (draft, digest), "")
        if self.levers.save_results:
            result, *rest = self.levers.save_results
            self.levers.save_results = tuple(rest)
        else:
            result = SaveResult("saved", "Saved, and in effect.")
        if result.outcome in {"saved", "merged"} and self.levers.rules is not None:
            name = draft.replaces or "the new rule"
            self.levers.rules = replace(self.levers.rules, undo=f"the edit of {name}", digest=f"{digest}+")
            self.show(self.view)
        return result

    async def undo_rules(self) -> SaveResult:
        """Record an undo."""
        self._did("undo_rules", None, "")
        if self.levers.rules is not None:
            self.levers.rules = replace(self.levers.rules, undo=None)
            self.show(self.view)
        return SaveResult("saved", "Taken back: the file is as it was.")

    async def explain(self, key: str, node: str) -> ExplainView:
        """Return the scripted explanation."""
        self._answer()
        if self.levers.explain_of is None:
            raise SyncdeckError("explain", key, "nothing is known of it", "Look at all nodes: n", ErrorClass.NOT_FOUND)
        return self.levers.explain_of(key, node)


def _writing(number: int, key: str, now: float) -> ArchiveRow:
    size = 1_000_000_000
    drive = "mac-studio:/Volumes/Data"
    return ArchiveRow(
        number, key, drive, f"archives/{number}.zst", drive, key, "kept", size, 0, "zstd", "", now, None, "writing",
        bytes_done=size // 4, bytes_per_second=180_000_000.0,
    )  # fmt: skip
