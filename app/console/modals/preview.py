"""The preview of a sync: files, bytes, targets, time and refusals, before anything moves. It starts on Cancel."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import Button

from app.console.modals.dialog import Dialog
from app.console.present.previews import preview_lines
from engine.views import SyncPreview, SyncRequest
from widgets.text import Span, Tone, plain


class PreviewScreen(Dialog[SyncRequest | None]):
    """Returns the request to carry out, or None. An emergency may, by a second choice, fill past max."""

    DANGER = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Cancel", show=False),
        Binding("left", "app.focus_previous", "Left", show=False),
        Binding("right", "app.focus_next", "Right", show=False),
    ]
    AUTO_FOCUS = "#cancel"

    def __init__(self, request: SyncRequest) -> None:
        super().__init__()
        self._request = request
        self.settled = False
        self.TITLE_TEXT = preview_title(request)

    @property
    def request(self) -> SyncRequest:
        """What would be carried out."""
        return self._request

    def buttons(self) -> list[Button]:
        """Return Cancel, for an emergency the choice to fill past max, and the act."""
        verb = "Emergency sync" if self._request.emergency else "Sync"
        buttons = [Button("Cancel", id="cancel", compact=True)]
        if self._request.emergency:
            buttons.append(Button("Allow past max", id="fill", compact=True))
        buttons.append(Button(verb, id="confirm", compact=True, disabled=True))
        return buttons

    def on_mount(self) -> None:
        """Ask the engine what would move."""
        self.query_one("#box").border_subtitle = "← → choose · enter · esc cancel"
        self._ask_engine()

    def _ask_engine(self) -> None:
        self.settled = False
        self.query_one("#confirm", Button).disabled = True
        self.show_lines([(Span("Working out what would move", Tone.MUTED),)])
        self.run_worker(self._load(self._request), group="preview", exclusive=True)

    async def _load(self, request: SyncRequest) -> None:
        preview = await self.console.ask(self.console.client.preview(request))
        self.settled = True
        if preview is None:
            self.show_lines([(Span("✗ The engine could not say what would move.", Tone.BAD),)])
            return
        self._show(preview)

    def _show(self, preview: SyncPreview) -> None:
        self.show_lines(preview_lines(preview))
        self.query_one("#confirm", Button).disabled = preview.files == 0

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#fill")
    def _toggle_fill(self, event: Button.Pressed) -> None:
        allowed = not self._request.allow_fill
        self._request = replace(self._request, allow_fill=allowed)
        event.button.label = "Stay below max" if allowed else "Allow past max"
        self._ask_engine()

    @on(Button.Pressed, "#confirm")
    def _confirm(self) -> None:
        self.dismiss(self._request)


def preview_title(request: SyncRequest) -> str:
    """Return what is about to be decided."""
    if request.emergency and request.nodes:
        return f"Emergency sync: save what is only on {plain(', '.join(request.nodes), 60)}"
    if request.emergency:
        return "Emergency sync: save what exists only on ephemeral or failing nodes"
    if request.keys:
        return f"Sync {len(request.keys)} selected file{'' if len(request.keys) == 1 else 's'}"
    return "Sync everything that the rules want"
