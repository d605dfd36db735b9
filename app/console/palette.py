"""The command palette: the same actions, found by name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from app.console.actions import Action, on_screen

if TYPE_CHECKING:
    from app.console.app import SyncdeckApp

_NOT_LISTED = frozenset({"palette", "up", "down", "first", "last", "open", "next_panel", "back"})


class ActionProvider(Provider):
    """Offers the actions of the present screen; a read-only console offers none that change something."""

    def _offered(self) -> Iterator[tuple[Action, str]]:
        console = cast("SyncdeckApp", self.app)
        state = console.state
        for action in on_screen(console.console_screen.NAME, state.read_only):
            if action.id not in _NOT_LISTED:
                yield action, f"{action.label}  ({state.keys.shown(action)})"

    async def discover(self) -> Hits:
        """Yield everything there is."""
        for action, title in self._offered():
            yield DiscoveryHit(title, partial(self._run, action.id), help=action.help)

    async def search(self, query: str) -> Hits:
        """Yield what matches by name or by what it does."""
        matcher = self.matcher(query)
        for action, title in self._offered():
            score = max(matcher.match(title), 0.8 * matcher.match(action.help))
            if score > 0:
                yield Hit(score, matcher.highlight(title), partial(self._run, action.id), help=action.help)

    def _run(self, action_id: str) -> None:
        console = cast("SyncdeckApp", self.app)
        console.call_later(console.action_do, action_id)
