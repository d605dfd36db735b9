"""What is worth a bell: a critical finding that was not there before. Pure."""

from __future__ import annotations

from engine.views import FindingView, StatusView


def new_criticals(known: frozenset[str] | None, view: StatusView) -> tuple[list[FindingView], frozenset[str]]:
    """Return the critical findings that are new, and the ids to remember. The first view rings for none: what
    it holds is on the screen already."""
    critical = [finding for finding in view.findings if finding.severity == "critical"]
    ids = frozenset(finding.id for finding in critical)
    if known is None:
        return [], ids
    return [finding for finding in critical if finding.id not in known], ids
