"""What the operator asks of the engine: previewed where dangerous, answered by a toast, undone where it can be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.console.actions import BY_ID
from app.console.modals.confirm import ConfirmScreen
from app.console.modals.keep import KeepBothScreen
from app.console.modals.limit import LimitScreen
from app.console.modals.sync import SyncPreviewScreen
from app.console.present.units import bytes_text, plural
from engine.codes import TransferCode
from engine.views import ActionResult, SyncRequest, TransferView
from engine.views_bandwidth import BandwidthChange
from engine.views_engine import EngineState
from widgets.text import Line, Span, Tone

if TYPE_CHECKING:
    from app.console.app import SyncdeckApp

MOST_UNDO = 20


@dataclass(frozen=True, slots=True)
class Undo:
    """How to take something back, and what to call that."""

    label: str
    act: Callable[[], Awaitable[ActionResult]]


class Commands:
    """The engine's actions, for all screens."""

    def __init__(self, app: SyncdeckApp) -> None:
        self._app = app
        self._undo: list[Undo] = []

    async def _done(self, act: Awaitable[ActionResult]) -> bool:
        """Wait for an action and say what it did; return whether it was done."""
        result = await self._app.ask(act)
        if result is None:
            return False
        self._app.tell(result.message)
        return True

    def _remember(self, undo: Undo) -> None:
        self._undo = [*self._undo, undo][-MOST_UNDO:]

    async def sync(self) -> None:
        """Preview, then sync the selected rows or everything."""
        await self.previewed(self._app.console_screen.sync_request())

    async def emergency(self) -> None:
        """Preview, then save what exists only on ephemeral or failing nodes."""
        await self.previewed(SyncRequest(emergency=True))

    async def previewed(self, request: SyncRequest) -> None:
        """Preview a request, then carry out what was chosen."""
        chosen = await self._app.push_screen_wait(SyncPreviewScreen(request))
        if chosen is not None:
            await self._done(self._app.client.sync(chosen))

    async def run(self) -> None:
        """Let the engine move data; ask first, saying how much waits."""
        view = self._app.state.view
        if view is not None and view.engine.state not in {EngineState.OBSERVING, EngineState.PAUSED}:
            self._app.tell("The engine runs already.")
            return
        plan = await self._app.ask(self._app.client.plan())
        if plan is None:
            return
        files = sum(len(item.entries) * len(item.targets) for item in plan.plans)
        size = sum(item.bytes for item in plan.plans)
        pause = self._app.state.keys.shown(BY_ID["pause_engine"])
        refused = f"{plural(len(plan.refused), 'copy', 'copies')} stay refused, each with its reason in the catalog."
        queue = dict(view.queue) if view is not None else {}
        held = sum(queue.get(state, 0) for state in ("queued", "waiting", "retry_at"))
        waiting = f"{plural(held, 'transfer')} {'waits' if held == 1 else 'wait'} in the queue and would go on now."
        lines: list[Line] = [
            *([(Span(waiting, bold=True),)] if held else []),
            (Span(f"{plural(files, 'copy', 'copies')}, {bytes_text(size)}, would start to move now.", bold=True),),
            *([(Span(refused, Tone.WARN),)] if plan.refused else []),
            (
                Span(
                    f"From here on the engine keeps every file where the rules want it. {pause} pauses it.", Tone.MUTED
                ),
            ),
        ]
        agreed = await self._app.push_screen_wait(ConfirmScreen("Let the engine move data", lines, "Go"))
        if agreed and await self._done(self._app.client.resume()):
            self._remember(Undo("run", self._app.client.pause))

    async def pause_engine(self) -> None:
        """Stop all transfers, and start none."""
        if await self._done(self._app.client.pause()):
            self._remember(Undo("pause", self._app.client.resume))

    async def rescan(self) -> None:
        """Look at all nodes now."""
        await self._done(self._app.client.rescan())

    async def cancel(self, transfers: list[TransferView]) -> bool:
        """Cancel transfers; return whether it was done."""
        done = await self._done(self._app.client.cancel(tuple(item.id for item in transfers)))
        if done:
            requests = [
                SyncRequest(keys=(item.key,), targets=(item.target,), priority=item.priority) for item in transfers
            ]
            self._remember(Undo("cancel", lambda: self._request_again(requests)))
        return done

    async def _request_again(self, requests: list[SyncRequest]) -> ActionResult:
        accepted = 0
        for request in requests:
            accepted += (await self._app.client.sync(request)).accepted
        return ActionResult(accepted, f"{plural(accepted, 'transfer')} queued again.")

    async def hold(self, transfers: list[TransferView]) -> None:
        """Pause transfers, or let them go on when all of them are paused."""
        client = self._app.client
        ids = tuple(item.id for item in transfers)
        if all(item.code == TransferCode.PAUSED for item in transfers):
            await self._done(client.resume_transfers(ids))
        elif await self._done(client.pause_transfers(ids)):
            self._remember(Undo("hold", lambda: client.resume_transfers(ids)))

    async def drain(self, node: str, running: bool) -> None:
        """Begin to empty a node, or take that back."""
        client = self._app.client
        if running:
            if await self._done(client.drain_cancel(node)):
                self._remember(Undo("drain", lambda: client.drain(node)))
        elif await self._done(client.drain(node)):
            self._remember(Undo("drain", lambda: client.drain_cancel(node)))

    async def pause_nodes(self, nodes: tuple[str, ...], paused: bool) -> None:
        """Pause nodes, or let them go on."""
        client = self._app.client
        if paused:
            await self._done(client.resume(nodes))
        elif await self._done(client.pause(nodes)):
            self._remember(Undo("pause", lambda: client.resume(nodes)))

    async def bandwidth(self) -> None:
        """Ask for the fleet's limit, starting from the one in force, and set it."""
        client = self._app.client
        view = await self._app.ask(client.bandwidth())
        if view is None:
            return
        chosen = await self._app.push_screen_wait(LimitScreen(view.limits[0], view.at))
        if chosen is None or not await self._done(client.set_bandwidth(chosen)):
            return
        before = view.limits[0]
        was_set = before.set_now
        seconds = None if before.until is None else max(1.0, before.until - view.at)
        undo = (
            BandwidthChange(None, before.limit_bytes_per_second, seconds=seconds)
            if was_set
            else BandwidthChange(clear=True)
        )
        self._remember(Undo("limit", lambda: client.set_bandwidth(undo)))

    async def retry(self, transfers: list[TransferView]) -> None:
        """Try transfers now."""
        await self._done(self._app.client.retry(tuple(item.id for item in transfers)))

    async def keep_both(self) -> None:
        """Preview, then give copies that are in the way names of their own."""
        request = self._app.console_screen.keep_request()
        if request is None:
            self._app.tell("Nothing to keep: none of the selected transfers is blocked.")
            return
        chosen = await self._app.push_screen_wait(KeepBothScreen(request))
        result = None if chosen is None else await self._app.ask(self._app.client.keep_both(chosen))
        if result is not None:
            self._app.tell(result.message, warn=bool(result.refused))

    async def undo(self) -> None:
        """Take back the last thing that can be."""
        if not self._undo:
            self._app.tell("Nothing to undo.")
            return
        undo = self._undo.pop()
        if not await self._done(undo.act()):
            self._remember(undo)
