"""``syncdeck transfers``: what moves, what waits and why, what was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import typer

from app.cli import human, json_views, output
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, JsonOption, Settings, StateOption, settings_of
from app.cli.table import Column
from engine.client import EngineClient
from engine.views import TransferView

PAGE_ROWS = 500

_COLUMNS = (
    Column("ID", right=True),
    Column("STATE"),
    Column("DONE", right=True),
    Column("SIZE", right=True),
    Column("RATE", right=True),
    Column("LEFT", right=True),
    Column("TRIES", right=True),
    Column("FROM", flexible=True),
    Column("TO", flexible=True),
    Column("KEY", flexible=True),
    Column("WHY", flexible=True),
)


def transfers(
    context: typer.Context,
    live: Annotated[bool, typer.Option("--live", help="Leave finished transfers out.")] = False,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Show transfers: running ones first, then by urgency, then finished ones, newest first."""
    if context.invoked_subcommand is not None:
        return ExitCode.DONE
    return asyncio.run(_transfers(settings_of(context, config, state), live, json_output))


async def _transfers(settings: Settings, live: bool, json_output: bool) -> int:
    async with engine_for(settings) as engine:
        rows = every_row(engine, history=not live)
        if json_output:
            await output.json_array(_as_json(rows))
        else:
            output.table(_COLUMNS, [_cells(row) async for row in rows])
    return ExitCode.DONE


async def every_row(engine: EngineClient, history: bool) -> AsyncIterator[TransferView]:
    """Yield every transfer once, though rows move between pages while they are read."""
    seen: set[int] = set()
    offset = 0
    while True:
        page = await engine.transfers(offset, PAGE_ROWS, "", history)
        for row in page.rows:
            if row.id not in seen:
                seen.add(row.id)
                yield row
        offset += len(page.rows)
        if not page.rows or offset >= page.total:
            return


async def _as_json(rows: AsyncIterator[TransferView]) -> AsyncIterator[dict[str, Any]]:
    async for row in rows:
        yield json_views.transfer(row)


def _cells(row: TransferView) -> tuple[str, ...]:
    done = 100.0 * row.bytes_done / row.bytes_total if row.bytes_total else None
    return (
        str(row.id),
        row.state,
        human.percent(done),
        human.size(row.bytes_total),
        human.rate(row.bytes_per_second),
        human.span(row.seconds_left),
        str(row.attempts),
        row.source,
        row.target,
        row.key,
        row.reason,
    )
