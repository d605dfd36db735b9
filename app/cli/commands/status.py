"""``syncdeck status``: what is, and what needs the operator."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import typer

from app.cli import human, json_views, output
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, JsonOption, Settings, StateOption, settings_of
from app.cli.table import Column
from engine.views import StatusView
from engine.views_engine import EngineState

NEEDS_SOMEBODY = frozenset({"critical", "warning"})

_NODES = (
    Column("NODE", flexible=True),
    Column("STATE"),
    Column("SEEN", right=True),
    Column("SYNCED", right=True),
    Column("AT RISK", right=True),
    Column("WHY", flexible=True),
)
_STORAGE = (
    Column("NODE", flexible=True),
    Column("FOLDER", flexible=True),
    Column("USED", right=True),
    Column("OF", right=True),
    Column("MAX", right=True),
    Column("FULL IN", right=True),
    Column("STATE"),
)
_FRESHNESS = (
    Column("CONFIG KEY", flexible=True),
    Column("TYPE"),
    Column("NEWEST", right=True),
    Column("COPIES", right=True),
    Column("OFF-SITE"),
    Column("AT RISK", right=True),
    Column("TRAINERS BEHIND", flexible=True),
)


def status(
    context: typer.Context, json_output: JsonOption = False, config: ConfigOption = None, state: StateOption = None
) -> int:
    """Show engine, nodes, storage, freshness, queue and findings; exit 1 if a finding is a warning or worse."""
    return asyncio.run(_status(settings_of(context, config, state), json_output))


async def _status(settings: Settings, json_output: bool) -> int:
    async with engine_for(settings) as engine:
        view = await engine.status()
    if json_output:
        output.json_value(json_views.status(view))
    else:
        _print(view)
    needs_somebody = any(finding.severity in NEEDS_SOMEBODY for finding in view.findings)
    return ExitCode.BAD_ANSWER if needs_somebody else ExitCode.DONE


def _print(view: StatusView) -> None:
    engine = view.engine
    detail = f" ({engine.detail})" if engine.detail else ""
    who = f"node {engine.node_id}" + ("" if engine.state is EngineState.OFFLINE else f", pid {engine.pid}")
    output.text(f"engine {engine.state}{detail}, {engine.mode}, {who}")
    output.text(f"config {engine.config}")
    output.text(
        f"{human.count(view.entries_total, 'entry')}, {human.count(view.replicas_total, 'copy')}, "
        f"{human.size(view.at_risk_bytes)} at risk, last verified {human.age(view.last_verified_at, view.at)}"
    )
    if view.orphan_games:
        output.text(f"{human.count(view.orphan_games, 'complete game')} in no canonical database")
    _print_findings(view)
    _print_nodes(view)
    _print_storage(view)
    _print_freshness(view)
    queue = ", ".join(f"{number} {state}" for state, number in view.queue if number) or "empty"
    output.line()
    output.text(f"queue: {queue}")
    for reason, number in view.waiting_reasons:
        output.text(f"  {human.count(number, 'transfer')} waiting: {reason}")


def _print_findings(view: StatusView) -> None:
    output.line()
    output.text(human.count(len(view.findings), "finding"))
    for finding in view.findings:
        output.text(f"  {finding.severity:<8}  {finding.subject}: {finding.message}")
        if finding.remedy:
            output.text(f"            {finding.remedy}")


def _print_nodes(view: StatusView) -> None:
    rows = [
        (
            node.node,
            "paused" if node.paused else node.state,
            human.age(node.last_seen_at, view.at),
            human.age(node.last_sync_at, view.at),
            human.size(node.at_risk_bytes),
            node.reason,
        )
        for node in view.nodes
    ]
    _section(_NODES, rows)


def _print_storage(view: StatusView) -> None:
    rows = [
        (
            item.node,
            item.root,
            human.percent(item.used_percent),
            human.size(item.total_bytes),
            human.percent(item.max_percent),
            human.span(item.full_in_seconds),
            item.state,
        )
        for item in view.storage
    ]
    _section(_STORAGE, rows)


def _print_freshness(view: StatusView) -> None:
    rows = [
        (
            row.config_key,
            row.data_type,
            human.span(row.newest_age_seconds),
            f"{row.copies}/{row.wanted}",
            row.off_site,
            human.size(row.at_risk_bytes),
            ", ".join(trainer.node for trainer in row.trainers if not trainer.current),
        )
        for row in view.freshness
    ]
    _section(_FRESHNESS, rows)


def _section(columns: tuple[Column, ...], rows: Sequence[tuple[str, ...]]) -> None:
    if rows:
        output.line()
        output.table(columns, rows)
