"""What all screens share: status line, footer, the size notice, and how the newest state reaches them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen
from textual.widget import Widget

from app.console.actions import BY_ID, SCREEN_ACTIONS, SCREENS, on_screen
from app.console.present.state import ConsoleState, status_model
from engine.views import SyncRequest
from engine.views_keeping import KeepRequest
from widgets.key_footer import KeyFooter
from widgets.models import KeyHint
from widgets.status_line import StatusLine
from widgets.too_small import TooSmall, is_too_small

if TYPE_CHECKING:
    from app.console.app import SyncdeckApp


class ConsoleScreen(Screen[None]):
    """A screen of the console. Subclasses give ``NAME``, their body, and what to do with a new state."""

    NAME: ClassVar[str] = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - Textual declares it on instances

    DEFAULT_CSS = """
    ConsoleScreen {
        layout: vertical;
        background: $background;
        & > #body { height: 1fr; }
        &.-too-small > * { display: none; }
        &.-too-small > TooSmall { display: block; }
    }
    """

    ready = False
    """Whether all widgets are there."""

    @property
    def console(self) -> SyncdeckApp:
        """The app, by its own type."""
        return cast("SyncdeckApp", self.app)

    def compose(self) -> ComposeResult:
        """Return status line, body, footer and the size notice."""
        yield StatusLine(id="status")
        with Container(id="body"):
            yield from self.compose_body()
        yield KeyFooter(id="keys")
        yield TooSmall()

    def compose_body(self) -> Iterable[Widget]:
        """Return the widgets between status line and footer."""
        raise NotImplementedError

    def show_state(self, state: ConsoleState) -> None:
        """Show a new state in the body."""
        raise NotImplementedError

    @property
    def settled(self) -> bool:
        """Whether everything that was asked for is shown."""
        return True

    def sync_request(self) -> SyncRequest:
        """Return what ``sync`` means here: the selected rows, else everything."""
        return SyncRequest()

    def keep_request(self) -> KeepRequest | None:
        """Return what ``keep both`` means here: the selected rows, else everything; None when none of them can be."""
        return KeepRequest()

    def copy_text(self) -> str | None:
        """Return what ``copy`` means here."""
        return None

    def on_mount(self) -> None:
        """Show what is known already."""
        self.ready = True
        self.refresh_keys()
        self.update_state()

    def on_screen_resume(self) -> None:
        """Catch up: hidden screens are not fed."""
        self.update_state()

    def on_resize(self, event: events.Resize) -> None:
        """Give way to a notice while the terminal is too small."""
        width, height = event.size
        small = is_too_small(width, height)
        self.set_class(small, "-too-small")
        if small:
            self.query_one(TooSmall).tell(width, height)

    def update_state(self) -> None:
        """Show the console's newest state, unless the screen is only just coming or already going."""
        if self.ready and self.is_attached:
            self.update_age()
            self.show_state(self.console.state)

    def update_age(self) -> None:
        """Show how old the data is; draws only when the words change."""
        console = self.console
        line = self.query_one_optional(StatusLine)
        if line is not None:
            line.show(status_model(console.state, console.clock.now()))

    def refresh_keys(self) -> None:
        """Show the keys that work here now."""
        keys, read_only = self.console.state.keys, self.console.state.read_only
        screens = [
            KeyHint(keys.shown(BY_ID[action]), BY_ID[action].label, f"app.do('{action}')", name == self.NAME)
            for name, action in ((name, SCREEN_ACTIONS[name]) for name in SCREENS)
        ]
        offered = (item for item in on_screen(self.NAME, read_only) if item.footer and self.NAME not in item.unhinted)
        hinted = sorted(offered, key=lambda item: item.footer)
        actions = [KeyHint(keys.shown(item), item.label, f"app.do('{item.id}')") for item in hinted]
        self.query_one(KeyFooter).show(screens, actions)
