"""``syncdeck transports status``: what each way of moving bytes is worth at each node, and what each link may carry."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from app.cli import human, json_views, output
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, JsonOption, Settings, StateOption, settings_of
from app.cli.table import Column
from engine.transport_views import LinkView, NodeTransportView, TransportsView

_TRANSPORTS = (
    Column("NODE", flexible=True),
    Column("BY"),
    Column("BREAKER"),
    Column("TRIES", right=True),
    Column("FAILED", right=True),
    Column("FIRST TRY", right=True),
    Column("RATE", right=True),
    Column("LAST ERROR", flexible=True),
)
_LINKS = (
    Column("FROM", flexible=True),
    Column("TO", flexible=True),
    Column("AT ONCE", right=True),
    Column("RATE", right=True),
    Column("ARRIVED", right=True),
    Column("WHY", flexible=True),
)


def transports_status(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Also transports that nothing is known of.")] = False,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Show breakers, tries, rates and last errors of each node's transports, and the limits of links."""
    return asyncio.run(_status(settings_of(context, config, state), every, json_output))


async def _status(settings: Settings, every: bool, json_output: bool) -> int:
    async with engine_for(settings) as engine:
        view = await engine.transports()
    if json_output:
        output.json_value(json_views.plain(view))
    else:
        _print(view, every)
    return ExitCode.DONE


def _print(view: TransportsView, every: bool) -> None:
    rows = [row for row in view.transports if every or row.attempts or row.breaker.state != "closed"]
    share = None if view.first_attempt_rate is None else 100.0 * view.first_attempt_rate
    output.line(f"{human.percent(share)} of the last day's transfers were done at the first attempt")
    if rows:
        output.table(_TRANSPORTS, [_cells(row, view.at) for row in rows])
    rest = len(view.transports) - len(rows)
    if rest:
        output.line(f"{human.count(rest, 'transport')} more: closed breaker, nothing tried in the last day (--all)")
    if view.links:
        output.line()
        output.table(_LINKS, [_link_cells(link) for link in view.links])


def _cells(row: NodeTransportView, now: float) -> tuple[str, ...]:
    share = None if row.first_attempt_rate is None else 100.0 * row.first_attempt_rate
    last = row.last_errors[0] if row.last_errors else None
    error = "" if last is None else f"{human.age(last.at, now)}, {last.peer}: {last.error_class}, {last.error}"
    if row.passed_over is not None:
        error = f"passed over: {row.passed_over}" + (f"; {error}" if error else "")
    return (
        row.node,
        row.transport,
        _breaker(row, now),
        str(row.attempts),
        str(row.failures),
        human.percent(share),
        human.rate(row.bytes_per_second),
        error,
    )


def _breaker(row: NodeTransportView, now: float) -> str:
    breaker = row.breaker
    if breaker.state != "open" or breaker.until is None:
        return breaker.state
    return f"open {human.span(breaker.until - now)}" if breaker.until > now else "open, probed"


def _link_cells(link: LinkView) -> tuple[str, ...]:
    share = None if link.success_rate is None else 100.0 * link.success_rate
    at_once = f"{link.limit} of {link.most}"
    return (link.source, link.target, at_once, human.rate(link.bytes_per_second), human.percent(share), link.reason)
