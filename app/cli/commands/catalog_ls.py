"""``syncdeck catalog ls``: every entry, how many copies it has, and whether that is enough."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Annotated, Any

import typer

from app.cli import human, json_views, output
from app.cli.catalog_reader import details, rows
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, JsonOption, Settings, StateOption, settings_of
from app.cli.table import Column
from config.types import DataType
from engine.client import EngineClient
from engine.clock import SystemClock
from engine.views import CatalogQuery, CatalogRow


class Show(StrEnum):
    """Which entries to list; the words of CatalogQuery.show."""

    ALL = "all"
    MISSING = "missing"
    UNDER_REPLICATED = "under-replicated"
    AT_RISK = "at-risk"
    STALE = "stale"
    DIVERGED = "diverged"


_COLUMNS = (
    Column("KEY", flexible=True),
    Column("CONFIG KEY"),
    Column("SIZE", right=True),
    Column("AGE", right=True),
    Column("COPIES", right=True),
    Column("STATE"),
)


def catalog_ls(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="Part of a key.")] = "",
    data_type: Annotated[DataType | None, typer.Option("--type", help="Only this data type.")] = None,
    config_key: Annotated[str | None, typer.Option("--config-key", metavar="K", help="Only this config key.")] = None,
    node: Annotated[str | None, typer.Option("--node", metavar="NODE", help="Only what this node holds.")] = None,
    show: Annotated[Show, typer.Option("--show", help="Only entries of which this is true.")] = Show.ALL,
    limit: Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="At most N entries.")] = None,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """List the catalog's entries in the order of their keys."""
    query = CatalogQuery(text, data_type.value if data_type else None, config_key, node, show.value)
    return asyncio.run(_list(settings_of(context, config, state), query, limit, json_output))


async def _list(settings: Settings, query: CatalogQuery, limit: int | None, json_output: bool) -> int:
    async with engine_for(settings) as engine:
        if json_output:
            await output.json_array(_as_json(engine, query, limit))
        else:
            now = SystemClock().now()
            output.table(_COLUMNS, [_cells(row, now) async for row in rows(engine, query, limit)])
    return ExitCode.DONE


async def _as_json(engine: EngineClient, query: CatalogQuery, limit: int | None) -> AsyncIterator[dict[str, Any]]:
    async for detail in details(engine, query, limit):
        yield json_views.entry(detail)


def _cells(row: CatalogRow, now: float) -> tuple[str, ...]:
    return (
        row.key,
        row.config_key or human.NOTHING,
        human.size(row.size_bytes),
        human.span(now - row.mtime) if row.mtime is not None else human.NOTHING,
        f"{row.copies}/{row.wanted}",
        row.states,
    )
