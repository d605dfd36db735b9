"""What a drain would do, said before it is begun."""

from __future__ import annotations

from app.console.modals.preview import PreviewDialog
from app.console.present.previews import preview_lines
from engine.views import SyncPreview
from widgets.text import Line, Span, Tone, plain


class DrainScreen(PreviewDialog[str, SyncPreview]):
    """Returns the node to drain, or None. It may be drained although nothing has to move first."""

    VERB = "Drain"

    def __init__(self, node: str) -> None:
        super().__init__(node, f"Drain {plain(node, 40)}")

    async def forecast(self, request: str) -> SyncPreview:
        """Return what would be copied away."""
        return await self.console.client.drain_preview(request)

    def forecast_lines(self, forecast: SyncPreview) -> list[Line]:
        """Return what a drain is, and what would be copied away."""
        return [
            (Span("Nothing new is placed there, and what is only there is copied away first.", bold=True),),
            (Span("Nothing is deleted. This screen says when it is safe to switch it off.", Tone.MUTED),),
            (),
            *preview_lines(forecast, self.console.state.names),
        ]

    def can_go(self, _forecast: SyncPreview) -> bool:
        """Return that it may be begun in any case."""
        return True
