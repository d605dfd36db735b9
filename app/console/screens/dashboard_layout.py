"""How many lines each panel of the dashboard gets. Pure."""

from __future__ import annotations

from dataclasses import dataclass

LEAST_PANEL = 3
THROUGHPUT = 3


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


def stacked(wanted: Heights) -> Heights:
    """Return heights for the narrow dashboard, which scrolls: what each wants, within reason."""
    return Heights(
        findings=max(LEAST_PANEL, min(wanted.findings, 11)),
        storage=max(LEAST_PANEL, min(wanted.storage, 10)),
        freshness=max(LEAST_PANEL, min(wanted.freshness, 14)),
        transfers=max(LEAST_PANEL, min(wanted.transfers, 9)),
    )
