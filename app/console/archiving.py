"""What an operator does with archives: asked first, told after, undone where it can be."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import TYPE_CHECKING, Any

from app.console.actions import BY_ID
from app.console.modals.archive import ArchivePreviewScreen, RestoreScreen
from app.console.modals.confirm import ConfirmScreen
from app.console.present.archive import WORKING
from app.console.present.units import plural
from engine.client_levers import ArchiveClient
from engine.views import ActionResult
from engine.views_archive import ArchivePolicyView, ArchiveRequest, ArchiveRow, CandidateRow
from widgets.text import Line, Span, Tone, plain

if TYPE_CHECKING:
    from app.console.screens.archive import ArchiveScreen

DRILL_COUNT = 3
"""Archives that a drill on demand restores: enough to trust, quick enough to wait for."""


class Archiving:
    """The acts of the Archive screen."""

    def __init__(self, screen: ArchiveScreen) -> None:
        self._screen = screen

    @property
    def _client(self) -> ArchiveClient:
        return self._screen.console.client

    def _run(self, act: Coroutine[Any, Any, None]) -> None:
        self._screen.run_worker(act, group="act", exit_on_error=False)

    async def _done(self, act: Awaitable[ActionResult]) -> bool:
        result = await self._screen.console.ask(act)
        if result is not None:
            self._screen.console.tell(result.message)
        return result is not None

    def archive(self, chosen: list[CandidateRow]) -> None:
        """Preview and archive candidates; those that are protected are named by the preview, and stay."""
        console = self._screen.console
        if not chosen:
            console.tell("Nothing to archive: select a candidate.")
            return
        if all(row.protected is not None for row in chosen):
            key = console.state.keys.shown(BY_ID["why"])
            console.tell(f"Protected: {plain(chosen[0].protected or '')}. {key} says why.", warn=True)
            return
        locations = {row.location for row in chosen}
        keys = tuple(dict.fromkeys(row.key for row in chosen))
        self._run(self._archive(ArchiveRequest(keys, locations.pop() if len(locations) == 1 else None)))

    async def _archive(self, request: ArchiveRequest) -> None:
        chosen = await self._screen.console.push_screen_wait(ArchivePreviewScreen(request))
        if chosen is not None and await self._done(self._client.archive_run(chosen)):
            self._screen.clear_all_marks()

    def restore(self, chosen: list[ArchiveRow]) -> None:
        """Ask where to, and restore archives."""
        ready = [row for row in chosen if row.state not in WORKING]
        if not ready:
            self._screen.console.tell("Nothing to restore: go to the archives with tab and select one.")
            return
        self._run(self._restore(ready))

    async def _restore(self, chosen: list[ArchiveRow]) -> None:
        view = self._screen.console.state.view
        locations = tuple(item.location for item in view.storage) if view is not None else ()
        request = await self._screen.console.push_screen_wait(RestoreScreen(chosen, locations))
        if request is not None and await self._done(self._client.restore(request)):
            self._screen.clear_all_marks()

    def verify(self, chosen: list[ArchiveRow]) -> None:
        """Read the selected archives back, or all."""
        self._run(self._tell(self._client.archive_verify(tuple(row.id for row in chosen))))

    def drill(self) -> None:
        """Restore a sample into scratch space."""
        self._run(self._tell(self._client.archive_drill(DRILL_COUNT)))

    async def _tell(self, act: Awaitable[ActionResult]) -> None:
        await self._done(act)

    def cancel(self, chosen: list[ArchiveRow]) -> None:
        """Ask, then stop what is being written or restored."""
        working = [row for row in chosen if row.state in WORKING]
        if not working:
            self._screen.console.tell("Nothing to cancel: none of the selected archives is being worked on.")
            return
        self._run(self._cancel(working))

    async def _cancel(self, working: list[ArchiveRow]) -> None:
        words = f"{plural(len(working), 'archive')} stop being worked on. Originals stay as they are."
        lines: list[Line] = [(Span(words),), ()]
        lines += [(Span("✗ ", Tone.WARN), Span(f"{plain(row.state)}: {plain(row.key)}")) for row in working[:20]]
        if await self._agreed("Stop archiving", lines, "Stop them"):
            await self._done(self._client.archive_cancel(tuple(row.id for row in working)))

    def allow(self, policy: ArchivePolicyView | None) -> None:
        """Let the policy act after a question; take that back at once."""
        if policy is None:
            self._screen.console.tell("The policy is not known yet.")
        elif policy.allowed:
            self._run(self._tell(self._client.set_archive_policy(False)))
        else:
            self._run(self._allow(policy))

    async def _allow(self, policy: ArchivePolicyView) -> None:
        would = plain(policy.dry_run, 1000) or "Now it would do nothing: no drive is above its limit."
        lines: list[Line] = [
            (Span(would, bold=True),),
            (Span("From then on it archives by itself when a drive is above its limit, down to the target."),),
            (Span("An original goes only when its archive is read back and proved. Undo restores.", Tone.MUTED),),
        ]
        if await self._agreed("Let the policy archive by itself", lines, "Allow"):
            await self._done(self._client.set_archive_policy(True))

    def undo(self) -> None:
        """Ask, then restore what was archived last."""
        self._run(self._undo())

    async def _undo(self) -> None:
        words = "Everything that was archived last comes back to where it was. The archives stay."
        if await self._agreed("Undo the last archiving", [(Span(words),)], "Restore"):
            await self._done(self._client.archive_undo())

    async def _agreed(self, title: str, lines: list[Line], verb: str) -> bool:
        agreed = await self._screen.console.push_screen_wait(ConfirmScreen(title, lines, verb))
        return agreed is True
