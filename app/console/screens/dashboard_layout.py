"""How many lines each panel of the dashboard gets. Pure."""

from __future__ import annotations

from dataclasses import dataclass

LEAST_PANEL = 3
THROUGHPUT = 3
FOLDED = {"findings": 4, "storage": 4, "freshness": 5, "transfers": 3}
"""Lines of a folded panel, borders included: two of findings; a disk, a config key under its titles, each with the
count of the others; one transfer."""


@dataclass(frozen=True, slots=True)
class Heights:
    """Lines of each panel, borders included."""

    findings: int
    storage: int
    freshness: int
    transfers: int
    throughput: int = THROUGHPUT


def side_by_side(available: int, wanted: Heights) -> Heights:
    """Return heights for the wide dashboard, which fills ``available`` lines: what needs the operator and what
    moves get what they want up to a third each, disks and freshness the rest."""
    most = max(LEAST_PANEL, (available - THROUGHPUT) // 3)
    findings = max(LEAST_PANEL, min(wanted.findings, most))
    transfers = max(LEAST_PANEL, min(wanted.transfers, most))
    middle = max(5, available - THROUGHPUT - findings - transfers)
    return Heights(findings, middle, middle, transfers)


def stacked(available: int, wanted: Heights, focused: str) -> Heights:
    """Return heights for the narrow dashboard. Where not everything fits, the panel with the focus opens and the
    others fold to their worst lines, so that all of them are seen at once; what is left goes round, a line each."""
    full = {name: max(LEAST_PANEL, getattr(wanted, name)) for name in FOLDED}
    heights = {name: min(least, full[name]) for name, least in FOLDED.items()}
    spare = available - sum(heights.values())
    if focused in heights:
        opened = max(0, min(full[focused] - heights[focused], spare))
        heights[focused] += opened
        spare -= opened
    throughput = THROUGHPUT if spare >= THROUGHPUT else 0
    spare -= throughput
    while spare > 0 and (short := [name for name in heights if heights[name] < full[name]]):
        for name in short[:spare]:
            heights[name] += 1
        spare -= len(short[:spare])
    return Heights(**heights, throughput=throughput)
