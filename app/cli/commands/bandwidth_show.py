"""``syncdeck bandwidth show``: the limits in force, who set them, and what moves under each."""

from __future__ import annotations

import asyncio

import typer

from app.cli import human, json_views, output
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, JsonOption, Settings, StateOption, settings_of
from app.cli.table import Column
from config.units import rate_text
from engine.views_bandwidth import BandwidthView, FlowView, LimitView

_LIMITS = (
    Column("OF", flexible=True),
    Column("LIMIT", right=True),
    Column("USED NOW", right=True),
    Column("TRANSFERS", right=True),
    Column("FOR", right=True),
    Column("WHY", flexible=True),
)
_FLOWS = (
    Column("TRANSFER", right=True),
    Column("FROM", flexible=True),
    Column("TO", flexible=True),
    Column("CAP", right=True),
    Column("USED NOW", right=True),
    Column("WEIGHT", right=True),
    Column("WHY", flexible=True),
)


def bandwidth_show(
    context: typer.Context, json_output: JsonOption = False, config: ConfigOption = None, state: StateOption = None
) -> int:
    """Show every limit in force (rates in bytes per second), why it holds and what is used of it now."""
    return asyncio.run(_show(settings_of(context, config, state), json_output))


async def _show(settings: Settings, json_output: bool) -> int:
    async with engine_for(settings) as engine:
        view = await engine.bandwidth()
    if json_output:
        output.json_value(json_views.bandwidth(view))
        return ExitCode.DONE
    output.table(_LIMITS, [_limit(row, view) for row in view.limits])
    if view.flows:
        output.line()
        output.table(_FLOWS, [_flow(row) for row in view.flows])
    return ExitCode.DONE


def _limit(row: LimitView, view: BandwidthView) -> tuple[str, ...]:
    limit = row.limit_bytes_per_second
    return (
        row.node or "the fleet",
        "none" if limit is None else rate_text(limit),
        rate_text(row.used_bytes_per_second),
        str(row.transfers),
        "" if row.until is None else human.span(max(0.0, row.until - view.at)),
        row.because + (f", line {row.line}" if row.line is not None else ""),
    )


def _flow(row: FlowView) -> tuple[str, ...]:
    cap = row.cap_bytes_per_second
    return (
        str(row.transfer),
        row.source,
        row.target,
        "none" if cap is None else rate_text(cap),
        rate_text(row.used_bytes_per_second),
        f"{row.weight:g}",
        row.because,
    )
