"""What an operator does with rules: tried on the real catalog, reviewed, saved, merged, taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.console.actions import BY_ID
from app.console.modals.confirm import ConfirmScreen
from app.console.modals.conflict import OURS, THEIRS, ConflictScreen
from app.console.present.routing_checks import conflict_lines, first_mistake, saving_lines
from engine.views_rules import DraftCheck, RuleDraft, SaveResult
from widgets.text import Line, Span, Tone, plain

if TYPE_CHECKING:
    from app.console.app import SyncdeckApp

SAVED = ("saved", "merged")


class RuleDesk:
    """The acts on rules, for the Routing screen and its editor. Each says whether the file has it now."""

    def __init__(self, console: SyncdeckApp) -> None:
        self._console = console

    async def review(self, draft: RuleDraft, file: str, digest: str, title: str, verb: str = "Save") -> bool:
        """Try a draft, show what it would change, and save it when that is chosen."""
        check = await self._console.ask(self._console.client.check_rule(draft))
        if check is None:
            return False
        worst = first_mistake(check)
        if worst is not None:
            self._console.tell(f"Line {worst.line}: {worst.message}. {worst.remedy}", warn=True)
            return False
        return await self.save(draft, check, file, digest, title, verb)

    async def save(
        self, draft: RuleDraft, check: DraftCheck, file: str, digest: str, title: str, verb: str = "Save"
    ) -> bool:
        """Show what a checked draft would change, and save it when that is chosen."""
        agreed = await self._console.push_screen_wait(
            ConfirmScreen(title, saving_lines(file, check, self._console.state.names), verb)
        )
        return agreed is True and await self._write(draft, digest)

    async def _write(self, draft: RuleDraft, digest: str) -> bool:
        result = await self._console.ask(self._console.client.save_rule(draft, digest))
        if result is None:
            return False
        if result.outcome == "conflict":
            return await self._settle_conflict(draft, result)
        self._console.tell(result.message, warn=result.outcome not in SAVED)
        return result.outcome in SAVED

    async def _settle_conflict(self, draft: RuleDraft, result: SaveResult) -> bool:
        choice = await self._console.push_screen_wait(ConflictScreen(conflict_lines(result)))
        if choice == THEIRS:
            self._console.tell("The file stays as it is; your version was not saved.")
            return True
        if choice != OURS:
            return False
        view = await self._console.ask(self._console.client.rules())
        return view is not None and await self._write(draft, view.digest)

    async def undo(self) -> None:
        """Ask, then take the last edit back."""
        client = self._console.client
        view = await self._console.ask(client.rules())
        if view is None:
            return
        if view.undo is None:
            self._console.tell("No edit of the rules to undo.")
            return
        lines: list[Line] = [
            (Span(f"Takes back: {plain(view.undo, 1000)}", bold=True),),
            (Span("The file becomes what it was; what others edited since stays.", Tone.MUTED),),
        ]
        agreed = await self._console.push_screen_wait(ConfirmScreen("Undo the last edit", lines, "Undo"))
        result = await self._console.ask(client.undo_rules()) if agreed else None
        if result is None:
            return
        if result.outcome == "conflict":
            screen = ConfirmScreen("It cannot be taken back", conflict_lines(result), "Understood")
            await self._console.push_screen_wait(screen)
            return
        self._console.tell(result.message, warn=result.outcome not in SAVED)

    def refused(self) -> bool:
        """Return whether this console may not save, and say so."""
        if self._console.is_refused(BY_ID["rule_new"]):
            self._console.tell("This console is read-only: trying a rule is allowed, saving is not.", warn=True)
            return True
        return False
