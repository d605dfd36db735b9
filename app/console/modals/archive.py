"""What archiving and restoring ask before they act. Both start on Cancel."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Button, Input

from app.console.modals.decision import Decision
from app.console.modals.preview import PreviewDialog
from app.console.present.archive import preview_lines
from app.console.present.details import fact
from app.console.present.units import bytes_text, plural
from engine.views_archive import ArchivePreview, ArchiveRequest, ArchiveRow, RestoreRequest
from widgets.text import Line, Span, Tone, plain


class ArchivePreviewScreen(PreviewDialog[ArchiveRequest, ArchivePreview]):
    """Returns the archiving to carry out, or None. Originals may, by a second choice, be kept."""

    VERB = "Archive"
    WAITING = "Working out what would go, and what proves it"
    UNKNOWN = "The engine could not say what would go. Nothing was done."

    def __init__(self, request: ArchiveRequest) -> None:
        super().__init__(request, f"Archive {plural(len(request.keys), 'file')}")

    async def forecast(self, request: ArchiveRequest) -> ArchivePreview:
        """Return what would go, and what proves it."""
        return await self.console.client.archive_preview(request)

    def forecast_lines(self, forecast: ArchivePreview) -> list[Line]:
        """Return what would go, to read."""
        return preview_lines(forecast)

    def can_go(self, forecast: ArchivePreview) -> bool:
        """Return whether anything may be archived."""
        return bool(forecast.steps)

    def other_label(self, request: ArchiveRequest) -> str:
        """Return the choice about the originals."""
        return "Keep originals" if request.delete_original else "Replace originals"

    def other(self, request: ArchiveRequest) -> ArchiveRequest:
        """Return the request with the other answer about the originals."""
        return replace(request, delete_original=not request.delete_original)


class RestoreScreen(Decision[RestoreRequest | None]):
    """Returns where to restore archives to: where they came from, or a location and, of one file, a path."""

    TITLE_TEXT = "Restore"
    HINT = "↑ ↓ choose · enter · esc cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "app.focus_previous", "Up", show=False),
        Binding("down", "app.focus_next", "Down", show=False),
    ]
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
