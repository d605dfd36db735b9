"""Plans and refusals as tables; the commands plan, sync and emergency print them."""

from __future__ import annotations

from collections.abc import Sequence

from app.cli import human, output
from app.cli.table import Column
from engine.views import PlanItem, RefusalView

_PLANS = (
    Column("PRIORITY", right=True),
    Column("FILES", right=True),
    Column("SIZE", right=True),
    Column("FROM", flexible=True),
    Column("TO", flexible=True),
    Column("RULE", flexible=True),
    Column("WHY", flexible=True),
)
_REFUSALS = (
    Column("NOT TO", flexible=True),
    Column("KEY", flexible=True),
    Column("RULE", flexible=True),
    Column("WHY", flexible=True),
    Column("REMEDY", flexible=True),
)


def print_plans(plans: Sequence[PlanItem]) -> None:
    """Print what would move; sizes are those of one copy."""
    if not plans:
        output.line("nothing would move")
        return
    rows = [
        (
            str(item.priority),
            str(len(item.entries)),
            human.size(item.bytes),
            item.source,
            ", ".join(item.targets),
            _rule(item.rule, item.line),
            item.reason,
        )
        for item in plans
    ]
    output.table(_PLANS, rows)


def print_refusals(refused: Sequence[RefusalView]) -> None:
    """Print what is wanted and will not move; nothing where there is nothing."""
    if not refused:
        return
    output.line()
    output.line(f"{len(refused)} refused")
    rows = [(item.node, item.key, _rule(item.rule, item.line), item.reason, item.remedy) for item in refused]
    output.table(_REFUSALS, rows)


def _rule(rule: str, line: int | None) -> str:
    return f"{rule} (line {line})" if line is not None else rule
