"""``syncdeck archive list``, ``candidates`` and ``usage``: what is archived, what could be, what fills a drive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated

import typer

from app.cli import human, json_views, output
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, JsonOption, Settings, StateOption, settings_of
from app.cli.table import Column
from engine.client import EngineClient
from engine.views_archive import ArchiveRow, CandidateRow, UsageRow

_ARCHIVES = (
    Column("ID", right=True),
    Column("KEY", flexible=True),
    Column("AT"),
    Column("SIZE", right=True),
    Column("ARCHIVE", right=True),
    Column("STATE"),
    Column("ORIGINAL"),
    Column("WHY", flexible=True),
)
_CANDIDATES = (
    Column("KEY", flexible=True),
    Column("AT", flexible=True),
    Column("SIZE", right=True),
    Column("AGE", right=True),
    Column("COPIES", right=True),
    Column("WHY", flexible=True),
    Column("PROTECTED", flexible=True),
)
_USAGE = (
    Column("FOLDER", flexible=True),
    Column("FILES", right=True),
    Column("TOTAL", right=True),
    Column("DATA", right=True),
    Column("ARCHIVES", right=True),
    Column("LEFT OVER", right=True),
    Column("OTHER", right=True),
)
PAGE_ROWS = 500

LocationOption = Annotated[str | None, typer.Option("--location", metavar="L", help="Only of this location.")]
TextOption = Annotated[str, typer.Option("--text", metavar="T", help="Only keys that hold this text.")]


def archive_list(
    context: typer.Context,
    text: TextOption = "",
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Show the archives: those being worked on first, then the newest."""
    return asyncio.run(_list(settings_of(context, config, state), text, json_output))


async def _list(settings: Settings, text: str, json_output: bool) -> int:
    async with engine_for(settings) as engine:
        rows = _archives(engine, text)
        if json_output:
            await output.json_array(json_views.plain(row) async for row in rows)
        else:
            output.table(_ARCHIVES, [_archive(row) async for row in rows])
    return ExitCode.DONE


async def _archives(engine: EngineClient, text: str) -> AsyncIterator[ArchiveRow]:
    """Yield every archive; one that is added meanwhile may show one row twice, but hides none."""
    offset = 0
    while rows := (await engine.archives(offset, PAGE_ROWS, text)).rows:
        offset += len(rows)
        for row in rows:
            yield row


def archive_candidates(
    context: typer.Context,
    location: LocationOption = None,
    text: TextOption = "",
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Show what could be archived and why, the largest first; then what is protected, and by what."""
    return asyncio.run(_candidates(settings_of(context, config, state), location, text, json_output))


async def _candidates(settings: Settings, location: str | None, text: str, json_output: bool) -> int:
    async with engine_for(settings) as engine:
        page = await engine.candidates(location, 0, PAGE_ROWS, text)
        rows = page.rows
        while more := (await engine.candidates(location, len(rows), PAGE_ROWS, text)).rows:
            rows += more
    if json_output:
        output.json_value(json_views.plain(replace(page, rows=rows)))
        return ExitCode.DONE
    output.table(_CANDIDATES, map(_candidate, rows))
    if page.total > len(rows):
        output.note(f"{page.total - len(rows):,} smaller ones are not listed: narrow it by --location or --text")
    return ExitCode.DONE


def archive_usage(
    context: typer.Context,
    location: Annotated[str, typer.Argument(metavar="LOCATION", help="A host, or host:/path of an external drive.")],
    path: Annotated[str, typer.Option("--path", metavar="FOLDER", help="Below this folder of it.")] = "",
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Show what fills a location, folder by folder, the largest first. The node walks it, which takes a while."""
    return asyncio.run(_usage(settings_of(context, config, state), location, path, json_output))


async def _usage(settings: Settings, location: str, path: str, json_output: bool) -> int:
    async with engine_for(settings) as engine:
        view = await engine.usage(location, path)
    if json_output:
        output.json_value(json_views.plain(view))
    else:
        output.table(_USAGE, map(_folder, view.rows))
    return ExitCode.DONE


def _archive(row: ArchiveRow) -> tuple[str, ...]:
    return (
        str(row.id),
        row.key,
        row.location,
        human.size(row.size_bytes),
        human.size(row.archive_bytes) if row.archive_bytes else "",
        row.state,
        row.original,
        row.reason,
    )


def _candidate(row: CandidateRow) -> tuple[str, ...]:
    return (
        row.key,
        row.location,
        human.size(row.size_bytes),
        human.span(row.age_seconds),
        str(row.durable_copies),
        "; ".join(row.reasons),
        row.protected or "",
    )


def _folder(row: UsageRow) -> tuple[str, ...]:
    sizes = (row.bytes, row.catalogued_bytes, row.archive_bytes, row.leftover_bytes, row.other_bytes)
    return (row.path, str(row.files), *(human.size(size) for size in sizes))
