"""The console's application: it follows one engine, feeds the visible screen, and gates every action."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

from textual.app import App
from textual.binding import BindingType
from textual.command import Provider
from textual.screen import Screen

from app.console.actions import (
    ANYWHERE,
    BY_ID,
    CATALOG,
    DASHBOARD,
    GOES_TO,
    ROUTING,
    Action,
    Keys,
    bindings_for,
    keymap_faults,
)
from app.console.alarms import new_criticals
from app.console.commands import Commands
from app.console.driver import SteadyDriver
from app.console.feed import LEAST_INTERVAL_SECONDS, Feed, as_shown
from app.console.modals.help import HelpScreen
from app.console.palette import ActionProvider
from app.console.present.findings import finding_text
from app.console.present.state import ConsoleState
from app.console.screens.base import ConsoleScreen
from app.console.screens.catalog import CatalogScreen
from app.console.screens.registry import SCREEN_TYPES
from app.console.screens.routing import RoutingScreen
from app.console.terminal import EXIT_TERMINAL_LOST, terminal_is_there
from app.console.themes import APP_CSS, DARK, THEMES
from engine.client import EngineClient
from engine.clock import Clock
from engine.errors import SyncdeckError
from engine.views import StatusView
from widgets.text import plain

log = logging.getLogger("syncdeck.console")

AGE_TICK_SECONDS = 1.0
TERMINAL_CHECK_SECONDS = 5.0
LIST_SECONDS = 2.0

Answer = TypeVar("Answer")


class SyncdeckApp(App[int]):
    """The console on an engine client. ``keymap`` maps action ids to keys; ``list_seconds`` is how often the
    long lists are fetched again while something changes."""

    TITLE = "syncdeck"
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {screen.NAME: screen for screen in SCREEN_TYPES}
    DEFAULT_MODE = DASHBOARD
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(ANYWHERE)]
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {ActionProvider}
    ENABLE_COMMAND_PALETTE = True
    CSS = APP_CSS

    def __init__(
        self,
        client: EngineClient,
        clock: Clock,
        read_only: bool = False,
        title: str = "syncdeck",
        keymap: Mapping[str, str] | None = None,
        theme: str = DARK,
        feed_seconds: float = LEAST_INTERVAL_SECONDS,
        list_seconds: float = LIST_SECONDS,
        watch_terminal: bool = False,
    ) -> None:
        super().__init__(driver_class=SteadyDriver)
        self.title = title
        self.client = client
        self.clock = clock
        self.list_seconds = list_seconds
        self.commands = Commands(self)
        self.animation_level = "none"
        self._watch_terminal = watch_terminal
        self._keymap_wanted = dict(keymap or {})
        self._known_criticals: frozenset[str] | None = None
        self._last_error = ""
        self.state = ConsoleState(read_only=read_only, keys=Keys(self._keymap_wanted))
        self.feed = Feed(client, self._on_view, self._on_alive, self._on_error, feed_seconds)
        for own in THEMES:
            self.register_theme(own)
        self.theme = theme

    # -- life -------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Paint first; the engine starts when the first picture is on the terminal."""
        faults = keymap_faults(self._keymap_wanted)
        if faults:
            self.tell("Keymap: " + "; ".join(faults), warn=True)
        self.set_keymap({name: keys for name, keys in self._keymap_wanted.items() if name in BY_ID})
        self.set_interval(AGE_TICK_SECONDS, self._tick)
        if self._watch_terminal:
            self.set_interval(TERMINAL_CHECK_SECONDS, self._leave_when_terminal_is_gone)
        self.call_after_refresh(self._follow_engine)

    def _follow_engine(self) -> None:
        self.run_worker(self.feed.run(), group="feed", exit_on_error=False)

    def _leave_when_terminal_is_gone(self) -> None:
        if not terminal_is_there():
            self.exit(EXIT_TERMINAL_LOST)

    @property
    def console_screen(self) -> ConsoleScreen:
        """The screen of the present mode, whatever dialog is above it."""
        for screen in reversed(self.screen_stack):
            if isinstance(screen, ConsoleScreen):
                return screen
        raise LookupError("every mode has a console screen at its bottom")

    # -- what comes from the engine ---------------------------------------------------------------

    def _on_view(self, view: StatusView) -> None:
        if isinstance(self._driver, SteadyDriver) and self._driver.is_stuck:
            return
        self._set_state(replace(self.state, view=view, contact_at=self.clock.now(), error="", remedy=""))
        self._last_error = ""
        fresh, self._known_criticals = new_criticals(self._known_criticals, view)
        for finding in fresh:
            self.bell()
            self.notify(finding_text(finding), title="Critical", severity="error", markup=False, timeout=10)

    def _on_alive(self) -> None:
        if self.state.error:
            self._set_state(replace(self.state, contact_at=self.clock.now(), error="", remedy=""))
        else:
            self.state = replace(self.state, contact_at=self.clock.now())

    def _on_error(self, error: SyncdeckError) -> None:
        self._set_state(replace(self.state, error=str(error), remedy=error.remedy))
        if str(error) != self._last_error:
            self._last_error = str(error)
            self.report(error)

    def _set_state(self, state: ConsoleState) -> None:
        self.state = state
        top = self._top_screen()
        if isinstance(top, ConsoleScreen):
            top.update_state()
        elif (show_state := getattr(top, "show_state", None)) is not None:
            show_state(state)

    def _tick(self) -> None:
        top = self._top_screen()
        if isinstance(top, ConsoleScreen):
            top.update_age()

    def _top_screen(self) -> Screen[Any] | None:
        """Return what is on top; None while the app closes, when a timer may still come."""
        return self.screen_stack[-1] if self.screen_stack else None

    # -- talking to the operator ------------------------------------------------------------------

    def tell(self, message: str, warn: bool = False) -> None:
        """Show a short message."""
        self.notify(plain(message), severity="warning" if warn else "information", markup=False)

    def report(self, error: Exception) -> None:
        """Show an error as a toast, with its remedy, and write it to the log."""
        shown = as_shown(error, "show", "the console")
        log.error("%s", shown, exc_info=error if shown is not error else None)
        remedy = f"\n{plain(shown.remedy)}" if shown.remedy else ""
        self.notify(plain(str(shown)) + remedy, title="Error", severity="error", markup=False, timeout=10)

    async def ask(self, awaitable: Awaitable[Answer]) -> Answer | None:
        """Return the engine's answer, or None after its error was shown."""
        try:
            return await awaitable
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - shown to the operator and logged
            self.report(error)
            return None

    def copy(self, text: str) -> None:
        """Copy to the operator's own clipboard, through any number of SSH hops (OSC 52)."""
        self.copy_to_clipboard(text)
        first = plain(text.splitlines()[0] if text else "", 60)
        self.tell(f"Copied {first}" if "\n" not in text else f"Copied {len(text.splitlines())} lines")

    # -- actions ----------------------------------------------------------------------------------

    def is_refused(self, action: Action) -> bool:
        """Return whether this console may not do it."""
        return self.state.read_only and action.dangerous

    async def action_do(self, action_id: str) -> None:
        """Run an action of the table: the screen's own way of doing it, else the app's, else the engine's."""
        action = BY_ID[action_id]
        if self.is_refused(action):
            self.tell(f"This console is read-only: {action.label} is taken away.", warn=True)
            return
        own = getattr(self.console_screen, f"do_{action_id}", None) or getattr(self, f"do_{action_id}", None)
        if action_id in GOES_TO:
            self._go(GOES_TO[action_id])
        elif action_id == "back":
            self.do_back()
        elif own is not None:
            own()
        elif (command := getattr(self.commands, action_id, None)) is not None:
            self.run_worker(command(), group="act", exit_on_error=False)

    def _go(self, mode: str) -> None:
        if self.current_mode != mode:
            self.switch_mode(mode)

    def open_catalog(self, config_key: str) -> None:
        """Show the catalog of one config key."""

        async def show() -> None:
            await self.switch_mode(CATALOG)
            screen = self.console_screen
            if isinstance(screen, CatalogScreen):
                screen.narrow_to(config_key)

        self.call_later(show)

    def do_rule_restore(self) -> None:
        """Go to the rules, where a vanished one is put back after a look at what changes."""

        async def show() -> None:
            await self.switch_mode(ROUTING)
            screen = self.console_screen
            if isinstance(screen, RoutingScreen):
                screen.load(screen.put_vanished_back, "restore")

        self.call_later(show)

    def do_back(self) -> None:
        """Close or clear what is open on the screen, else go to the dashboard."""
        clear = getattr(self.console_screen, "do_back", None)
        if clear is None or not clear():
            self._go(DASHBOARD)

    def do_open(self) -> None:
        """Open what the cursor is on, as enter does."""
        choose = getattr(self.focused, "action_choose", None)
        if choose is not None:
            choose()

    def do_copy(self) -> None:
        """Copy what the cursor is on."""
        text = self.console_screen.copy_text()
        if text:
            self.copy(text)
        else:
            self.tell("Nothing to copy here.")

    def do_pause_view(self) -> None:
        """Stop or go on refreshing."""
        if self.feed.paused:
            self.feed.go_on()
        else:
            self.feed.pause()
        self._set_state(replace(self.state, view_paused=self.feed.paused))

    def do_help(self) -> None:
        """Show the keys of this screen."""
        self.push_screen(HelpScreen(self.console_screen.NAME))

    def do_palette(self) -> None:
        """Open the command palette."""
        self.action_command_palette()

    def do_quit(self) -> None:
        """Leave."""
        self.exit(0)
