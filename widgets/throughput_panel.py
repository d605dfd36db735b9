"""The panel of the last hour: how much moved, and how well."""

from __future__ import annotations

from widgets.bars import sparkline
from widgets.line_list import Row, Sheet
from widgets.models import ThroughputModel
from widgets.panel import Panel
from widgets.text import Line, Span, Tone, cells


class ThroughputPanel(Panel[ThroughputModel]):
    """One line: the rate over the last hour as a sparkline, then the figures."""

    TITLE = "Throughput"
    can_focus = False

    def lay_out(self, model: ThroughputModel, width: int) -> Sheet:
        """Return the line at this width; the sparkline takes what the figures leave."""
        facts: list[Span] = []
        for badge in model.facts:
            facts += [Span("   "), Span(badge.text, badge.tone)]
        label: Line = (Span("last hour ", Tone.MUTED),)
        room = width - cells(label) - cells(facts)
        peak = max(model.trend, default=0.0)
        if peak <= 0.0:
            curve = "─" * max(0, min(room, 20))
        else:
            curve = sparkline(model.trend, min(room, max(20, width // 2)), floor=0.0, ceiling=peak)
        return Sheet((Row(None, ((*label, Span(curve, Tone.GOOD if peak > 0 else Tone.TRACK), *facts),)),))
