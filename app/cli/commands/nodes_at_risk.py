"""``syncdeck nodes at-risk``: what would be lost if each node died now, and what dead ones took with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import typer

from app.cli import human, json_views, output
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, JsonOption, NodesArgument, Settings, StateOption, settings_of
from app.cli.table import Column
from engine.client import EngineClient
from engine.views_nodes import AtRiskEntry, AtRiskRow

PAGE_ROWS = 500
_NODES = (
    Column("NODE", flexible=True),
    Column("FILES", right=True),
    Column("GAMES", right=True),
    Column("SIZE", right=True),
    Column("DEAD", right=True),
    Column("CONFIRMED", right=True),
)
_ENTRIES = (
    Column("NODE", flexible=True),
    Column("AT RISK", right=True),
    Column("SIZE", right=True),
    Column("GAMES", right=True),
    Column("KEY", flexible=True),
    Column("WHY", flexible=True),
)


def nodes_at_risk(
    context: typer.Context,
    nodes: NodesArgument = None,
    entries: Annotated[
        bool, typer.Option("--entries", help="List the files, in the order in which an emergency saves them.")
    ] = False,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Show what has no durable verified copy elsewhere, by node, the worst first."""
    return asyncio.run(_show(settings_of(context, config, state), tuple(nodes or ()), entries, json_output))


async def _show(settings: Settings, nodes: tuple[str, ...], entries: bool, json_output: bool) -> int:
    async with engine_for(settings) as engine:
        rows = await engine.at_risk(nodes)
        if entries:
            await _print_entries(engine, rows, json_output)
        elif json_output:
            output.json_value([json_views.plain(row) for row in rows])
        else:
            _print_nodes(rows, bool(nodes))
    return ExitCode.DONE


def _print_nodes(rows: tuple[AtRiskRow, ...], every: bool) -> None:
    shown = [row for row in rows if every or row.entries or row.dead_since is not None]
    if shown:
        output.table(_NODES, [_cells(row) for row in shown])
    rest = len(rows) - len(shown)
    if rest:
        output.line(f"{human.count(rest, 'node')} {'holds' if rest == 1 else 'hold'} nothing that is only there")


def _cells(row: AtRiskRow) -> tuple[str, ...]:
    dead = human.NOTHING if row.dead_since is None else human.age(row.dead_since, row.at)
    until = human.NOTHING if row.confirmed_until is None else human.age(row.confirmed_until, row.at)
    return (row.node, str(row.entries), _games(row.games), human.size(row.bytes), dead, until)


async def _print_entries(engine: EngineClient, rows: tuple[AtRiskRow, ...], json_output: bool) -> None:
    found = _entries(engine, [row.node for row in rows if row.entries])
    if json_output:
        await output.json_array(json_views.plain(entry) async for entry in found)
        return
    output.table(
        _ENTRIES,
        [
            (e.node, human.size(e.at_risk_bytes), human.size(e.size_bytes), _games(e.games), e.key, e.reason)
            async for e in found
        ],
    )


async def _entries(engine: EngineClient, nodes: list[str]) -> AsyncIterator[AtRiskEntry]:
    for node in nodes:
        offset = 0
        while (page := await engine.at_risk_entries(node, offset, PAGE_ROWS)).rows:
            offset += PAGE_ROWS
            for row in page.rows:
                yield row


def _games(games: int | None) -> str:
    return human.NOTHING if games is None else f"{games:,}"
