"""The command palette: the same actions, found by name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from app.console.actions import ACTIONS, BY_ID, GOES_TO, Action, on_screen

if TYPE_CHECKING:
    from app.console.app import SyncdeckApp

ONLY_IN_HELP = 0.01
"""What is found by what it does alone stands below everything that is found by its name."""
ELSEWHERE = 0.5
"""An action of another screen stands below one of this screen that is found as well."""
THEME = "theme"
THEME_HELP = "Choose another theme, light or dark or the terminal's own colours."
_NOT_LISTED = frozenset({"palette", "up", "down", "first", "last", "open", "next_panel", "back"})


class ActionProvider(Provider):
    """Offers the actions of the present screen, the way to those of others, and themes; a read-only console offers
    none that change something. The one provider: what several offer stands in an order of chance."""

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
        yield DiscoveryHit(THEME, self.app.action_change_theme, help=THEME_HELP)

    async def search(self, query: str) -> Hits:
        """Yield what matches by name or by what it does."""
        matcher = self.matcher(query)
        for action, title in self._offered():
            score = matcher.match(title) or ONLY_IN_HELP * (query.casefold() in action.help.casefold())
            if score > 0:
                yield Hit(score, matcher.highlight(title), partial(self._run, action.id), help=action.help)
        for action, title, way in self._elsewhere():
            score = ELSEWHERE * matcher.match(action.label)
            if score > 0:
                yield Hit(score, matcher.highlight(title), partial(self._run, way), help=action.help)
        score = matcher.match(THEME) or ONLY_IN_HELP * (query.casefold() in THEME_HELP.casefold())
        if score > 0:
            yield Hit(score, matcher.highlight(THEME), self.app.action_change_theme, help=THEME_HELP)

    def _elsewhere(self) -> Iterator[tuple[Action, str, str]]:
        """Yield what only other screens do, where that is, and the action that leads there."""
        console = cast("SyncdeckApp", self.app)
        keys, present = console.state.keys, console.console_screen.NAME
        for action in ACTIONS:
            if action.on(present) or action.id in _NOT_LISTED or (console.state.read_only and action.dangerous):
                continue
            for way in (BY_ID[name] for name, screen in GOES_TO.items() if action.on(screen)):
                title = f"{action.label}  (on {way.label}: {keys.shown(way)}, then {keys.shown(action)})"
                yield action, title, way.id

    def _run(self, action_id: str) -> None:
        console = cast("SyncdeckApp", self.app)
        console.call_later(console.action_do, action_id)
