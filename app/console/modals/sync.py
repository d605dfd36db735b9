"""The preview of a sync: files, bytes, targets, time and refusals, before anything moves."""

from __future__ import annotations

from dataclasses import replace

from app.console.modals.preview import PreviewDialog
from app.console.present.previews import preview_lines
from engine.views import SyncPreview, SyncRequest
from widgets.text import Line, plain


class SyncPreviewScreen(PreviewDialog[SyncRequest, SyncPreview]):
    """Returns the sync to carry out, or None. An emergency may, by a second choice, fill past max."""

    def __init__(self, request: SyncRequest) -> None:
        super().__init__(request, preview_title(request))
        self.VERB = "Emergency sync" if request.emergency else "Sync"

    async def forecast(self, request: SyncRequest) -> SyncPreview:
        """Return what would move."""
        return await self.console.client.preview(request)

    def forecast_lines(self, forecast: SyncPreview) -> list[Line]:
        """Return what would move, to read."""
        return preview_lines(forecast, self.console.state.names)

    def can_go(self, forecast: SyncPreview) -> bool:
        """Return whether anything would move."""
        return forecast.files > 0

    def other_label(self, request: SyncRequest) -> str:
        """Return the choice about max, which an emergency has."""
        if not request.emergency:
            return ""
        return "Stay below max" if request.allow_fill else "Allow past max"

    def other(self, request: SyncRequest) -> SyncRequest:
        """Return the request with the other answer about max."""
        return replace(request, allow_fill=not request.allow_fill)


def preview_title(request: SyncRequest) -> str:
    """Return what is about to be decided."""
    if request.emergency and request.nodes:
        return f"Emergency sync: save what is only on {plain(', '.join(request.nodes), 60)}"
    if request.emergency:
        return "Emergency sync: save what exists only on ephemeral or failing nodes"
    if request.keys:
        return f"Sync {len(request.keys)} selected file{'' if len(request.keys) == 1 else 's'}"
    return "Sync everything that the rules want"
