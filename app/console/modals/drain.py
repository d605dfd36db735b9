"""What a drain would do, said before it is begun, or before it is taken back. It starts on Cancel."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import Button

from app.console.modals.dialog import Dialog
from app.console.present.previews import preview_lines
from widgets.text import Line, Span, Tone, plain


class DrainScreen(Dialog[bool]):
    """Returns True only when the act is chosen. A drain is previewed; taking one back moves nothing."""

    DANGER = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(False)", "Cancel", show=False),
        Binding("left", "app.focus_previous", "Left", show=False),
        Binding("right", "app.focus_next", "Right", show=False),
    ]
    AUTO_FOCUS = "#cancel"

    def __init__(self, node: str, running: bool) -> None:
        super().__init__()
        self._node = node
        self._draining = running
        self.settled = running
        self.TITLE_TEXT = f"Stop draining {plain(node, 40)}" if running else f"Drain {plain(node, 40)}"

    def buttons(self) -> list[Button]:
        """Return Cancel and the act."""
        verb = "Stop draining" if self._draining else "Drain"
        act = Button(verb, id="confirm", compact=True, disabled=not self._draining)
        return [Button("Cancel", id="cancel", compact=True), act]

    def on_mount(self) -> None:
        """Say what would happen."""
        self.query_one("#box").border_subtitle = "← → choose · enter · esc cancel"
        if self._draining:
            lines: list[Line] = [
                (Span(f"{plain(self._node, 60)} takes copies again.", bold=True),),
                (Span("What was copied stays; what waits is planned anew.", Tone.MUTED),),
            ]
            self.show_lines(lines)
            return
        self.show_lines([(Span("Working out what would move", Tone.MUTED),)])
        self.run_worker(self._load(), group="preview", exclusive=True)

    async def _load(self) -> None:
        preview = await self.console.ask(self.console.client.drain_preview(self._node))
        self.settled = True
        if preview is None:
            self.show_lines([(Span("✗ The engine could not say what would move.", Tone.BAD),)])
            return
        intro: list[Line] = [
            (Span("Nothing new is placed there, and what is only there is copied away first.", bold=True),),
            (Span("Nothing is deleted. This screen says when it is safe to switch it off.", Tone.MUTED),),
            (),
        ]
        self.show_lines([*intro, *preview_lines(preview)])
        self.query_one("#confirm", Button).disabled = False

    @on(Button.Pressed)
    def _chosen(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "confirm")
