"""What archiving and restoring ask before they act. Both start on Cancel."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Button, Input

from app.console.modals.dialog import Dialog
from app.console.present.archive import preview_lines
from app.console.present.details import fact
from app.console.present.units import bytes_text, plural
from engine.views_archive import ArchiveRequest, ArchiveRow, RestoreRequest
from widgets.text import Line, Span, Tone, plain


class ArchivePreviewScreen(Dialog[ArchiveRequest | None]):
    """Returns the request to carry out, or None. Originals may, by a second choice, be kept."""

    DANGER = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Cancel", show=False),
        Binding("left", "app.focus_previous", "Left", show=False),
        Binding("right", "app.focus_next", "Right", show=False),
    ]
    AUTO_FOCUS = "#cancel"

    def __init__(self, request: ArchiveRequest) -> None:
        super().__init__()
        self._request = request
        self.settled = False
        self.TITLE_TEXT = f"Archive {plural(len(request.keys), 'file')}"

    def buttons(self) -> list[Button]:
        """Return Cancel, the choice to keep the originals, and the act."""
        return [
            Button("Cancel", id="cancel", compact=True),
            Button("Keep originals", id="keep", compact=True),
            Button("Archive", id="confirm", compact=True, disabled=True),
        ]

    def on_mount(self) -> None:
        """Ask the engine what would happen."""
        self.query_one("#box").border_subtitle = "← → choose · enter · esc cancel"
        self._ask_engine()

    def _ask_engine(self) -> None:
        self.settled = False
        self.query_one("#confirm", Button).disabled = True
        self.show_lines([(Span("Working out what would go, and what proves it", Tone.MUTED),)])
        self.run_worker(self._load(self._request), group="preview", exclusive=True)

    async def _load(self, request: ArchiveRequest) -> None:
        preview = await self.console.ask(self.console.client.archive_preview(request))
        self.settled = True
        if preview is None:
            self.show_lines([(Span("✗ The engine could not say what would go. Nothing was done.", Tone.BAD),)])
            return
        self.show_lines(preview_lines(preview))
        self.query_one("#confirm", Button).disabled = not preview.steps

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#keep")
    def _toggle_keep(self, event: Button.Pressed) -> None:
        delete = not self._request.delete_original
        self._request = replace(self._request, delete_original=delete)
        event.button.label = "Keep originals" if delete else "Replace originals"
        self._ask_engine()

    @on(Button.Pressed, "#confirm")
    def _confirm(self) -> None:
        self.dismiss(self._request)


class RestoreScreen(Dialog[RestoreRequest | None]):
    """Returns where to restore archives to: where they came from, or a location and, of one file, a path."""

    DANGER = True
    TITLE_TEXT = "Restore"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", show=False),
        Binding("up", "app.focus_previous", "Up", show=False),
        Binding("down", "app.focus_next", "Down", show=False),
    ]
    AUTO_FOCUS = "#cancel"
    DEFAULT_CSS = """
    RestoreScreen #location, RestoreScreen #path {
        height: 1; border: none; padding: 0 1; margin-top: 1; background: $panel;
    }
    """

    def __init__(self, rows: list[ArchiveRow], locations: tuple[str, ...]) -> None:
        super().__init__()
        self._rows = rows
        self._locations = locations

    def extra(self) -> list[Widget]:
        """Return the fields for another place."""
        fields: list[Widget] = [
            Input(placeholder="empty: where it came from; else a location", id="location", compact=True)
        ]
        if len(self._rows) == 1:
            fields.append(Input(placeholder="empty: its usual place there; else a path", id="path", compact=True))
        return fields

    def buttons(self) -> list[Button]:
        """Return Cancel and the act."""
        return [Button("Cancel", id="cancel", compact=True), Button("Restore", id="confirm", compact=True)]

    def on_mount(self) -> None:
        """Say what comes back and where to."""
        self.query_one("#box").border_subtitle = "↑ ↓ choose · enter · esc cancel"
        self._show("")

    def _show(self, problem: str) -> None:
        rows = self._rows
        lines: list[Line] = [
            fact(
                "restores",
                f"{plural(len(rows), 'file')}, {bytes_text(sum(row.size_bytes for row in rows))}",
                Tone.STRONG,
            ),
            fact("copies left", "all: the archives stay, and nothing different is overwritten"),
        ]
        lines += [
            (Span("← ", Tone.ACCENT), Span(f"{plain(row.key)} to {plain(row.original_location)}")) for row in rows[:20]
        ]
        if len(rows) > 20:
            lines.append((Span(f"and {len(rows) - 20} more", Tone.MUTED),))
        if problem:
            lines.append((Span(f"✗ {problem}", Tone.BAD),))
        self.show_lines(lines)

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#confirm")
    @on(Input.Submitted)
    def _confirm(self) -> None:
        location = self.query_one("#location", Input).value.strip() or None
        if location is not None and location not in self._locations:
            near = [name for name in self._locations if location.lower() in name.lower()]
            hint = f"; there is {', '.join(near[:3])}" if near else ""
            self._show(f"no location is called {plain(location, 80)}{hint}")
            return
        field = self.query_one_optional("#path", Input)
        path = (field.value.strip() or None) if field is not None else None
        self.dismiss(RestoreRequest(tuple(row.id for row in self._rows), location, path))
