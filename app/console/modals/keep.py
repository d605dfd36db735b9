"""The preview of keeping both: which copies get names of their own, before anything is renamed."""

from __future__ import annotations

from app.console.modals.preview import PreviewDialog
from app.console.present.keeping import keep_lines
from engine.views_keeping import KeepPreview, KeepRequest
from widgets.text import Line


class KeepBothScreen(PreviewDialog[KeepRequest, KeepPreview]):
    """Returns the copies to keep beside what is to come, or None."""

    VERB = "Keep both"
    WAITING = "Working out which copies are in the way"
    UNKNOWN = "The engine could not say which copies are in the way. Nothing was done."

    def __init__(self, request: KeepRequest) -> None:
        super().__init__(request, keep_title(request))

    async def forecast(self, request: KeepRequest) -> KeepPreview:
        """Return which copies would get which names."""
        return await self.console.client.keep_both_preview(request)

    def forecast_lines(self, forecast: KeepPreview) -> list[Line]:
        """Return what would be renamed, to read."""
        return keep_lines(forecast, self.console.state.names)

    def can_go(self, forecast: KeepPreview) -> bool:
        """Return whether anything would be renamed."""
        return forecast.files > 0


def keep_title(request: KeepRequest) -> str:
    """Return what is about to be decided."""
    chosen = len(request.places) or len(request.keys)
    if not chosen:
        return "Keep both of everything that is blocked"
    return f"Keep both of {chosen} selected file{'' if chosen == 1 else 's'}"
