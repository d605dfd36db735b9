"""A choice from a list that the engine fills, narrowed as one types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

from app.console.modals.dialog import Dialog
from widgets.line_list import LineList, Row, Sheet
from widgets.text import Line, Span, Tone

Options = Sequence[tuple[str, Line]]
TYPING_PAUSE_SECONDS = 0.15


class PickScreen(Dialog[str | None]):
    """Returns the key of what was chosen, or None. With a ``placeholder`` there is a line to type in."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", show=False),
        Binding("down", "into_list", "List", show=False),
    ]
    DEFAULT_CSS = """
    PickScreen #typed { height: 1; border: none; padding: 0 1; margin: 1 0; background: $panel; }
    PickScreen #options { height: 12; background: $surface; }
    """

    def __init__(
        self, title: str, hint: str, load: Callable[[str], Awaitable[Options]], placeholder: str | None = None
    ) -> None:
        super().__init__()
        self.TITLE_TEXT = title
        self._hint = hint
        self._load = load
        self._placeholder = placeholder
        self._delay: Timer | None = None

    @property
    def settled(self) -> bool:
        """Whether the list shows what was typed."""
        return self._delay is None and not any(worker.is_running for worker in self.workers if worker.node is self)

    def extra(self) -> list[Widget]:
        """Return the line to type in, and the list."""
        widgets: list[Widget] = []
        if self._placeholder is not None:
            widgets.append(Input(placeholder=self._placeholder, id="typed", compact=True))
        return [*widgets, LineList(id="options")]

    def on_mount(self) -> None:
        """Fill the list."""
        self.query_one("#box").border_subtitle = "↓ list · enter chooses · esc cancels"
        self.show_lines([(Span(self._hint, Tone.MUTED),)])
        self.query_one("#text").can_focus = False
        (self.query_one("#typed") if self._placeholder is not None else self.query_one("#options")).focus()
        self._ask("")

    @on(Input.Changed, "#typed")
    def _typed(self, event: Input.Changed) -> None:
        if self._delay is not None:
            self._delay.stop()
        text = event.value
        self._delay = self.set_timer(TYPING_PAUSE_SECONDS, lambda: self._ask(text))

    def _ask(self, text: str) -> None:
        self._delay = None
        self.run_worker(self._fill(text), group="pick", exclusive=True, exit_on_error=False)

    async def _fill(self, text: str) -> None:
        options = await self.console.ask(self._load(text))
        if options is None:
            return
        rows = tuple(Row(key, (line,)) for key, line in options)
        empty = Row(None, ((Span("Nothing matches.", Tone.MUTED),),))
        self.query_one("#options", LineList).set_sheet(Sheet(rows or (empty,)))

    def action_into_list(self) -> None:
        """Go from the line to the list."""
        self.query_one("#options").focus()

    @on(Input.Submitted, "#typed")
    def _first(self) -> None:
        key = self.query_one("#options", LineList).cursor_key
        if key is not None and self.settled:
            self.dismiss(key)

    @on(LineList.Chosen)
    def _chosen(self, event: LineList.Chosen) -> None:
        self.dismiss(event.key)
