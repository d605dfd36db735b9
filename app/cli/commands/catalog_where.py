"""``syncdeck catalog where``: where an entry's copies are, and why they are there or are not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import typer

from app.cli import human, json_views, output
from app.cli.catalog_reader import rows
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, JsonOption, Settings, StateOption, settings_of
from app.cli.table import Column
from engine.client import EngineClient
from engine.clock import SystemClock
from engine.views import CatalogQuery, EntryDetail

_REPLICAS = (
    Column("  COPY AT", flexible=True),
    Column("STATE"),
    Column("SIZE", right=True),
    Column("VERIFIED", right=True),
    Column("SHA-256"),
    Column("PATH", flexible=True),
)
_PLACEMENTS = (
    Column("  PLACE", flexible=True),
    Column("WANTED"),
    Column("HELD"),
    Column("RULE", flexible=True),
    Column("BECAUSE", flexible=True),
    Column("IN THE WAY", flexible=True),
)


def catalog_where(
    context: typer.Context,
    what: Annotated[list[str], typer.Argument(metavar="KEY...", help="Keys, or parts of keys.")],
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Show where entries are and why; exit 1 if nothing has such a key."""
    return asyncio.run(_where(settings_of(context, config, state), what, json_output))


async def _where(settings: Settings, what: list[str], json_output: bool) -> int:
    async with engine_for(settings) as engine:
        found = _Found(engine, what)
        if json_output:
            await output.json_array(_as_json(found))
        else:
            async for detail in found.entries():
                _print(detail)
    for text in found.unknown:
        output.note(f"no entry has {text} in its key")
    return ExitCode.BAD_ANSWER if found.unknown else ExitCode.DONE


class _Found:
    """The entries that the arguments name: exact keys, else every key that contains the text."""

    def __init__(self, engine: EngineClient, what: list[str]) -> None:
        self._engine = engine
        self._what = what
        self.unknown: list[str] = []

    async def entries(self) -> AsyncIterator[EntryDetail]:
        """Yield each entry once; fills ``unknown`` on the way."""
        seen: set[str] = set()
        for text in self._what:
            known = False
            async for detail in self._matching(text):
                known = True
                if detail.row.key not in seen:
                    seen.add(detail.row.key)
                    yield detail
            if not known:
                self.unknown.append(text)

    async def _matching(self, text: str) -> AsyncIterator[EntryDetail]:
        exact = await self._engine.entry(text) if ":" in text else None
        if exact is not None:
            yield exact
            return
        async for row in rows(self._engine, CatalogQuery(text=text)):
            detail = await self._engine.entry(row.key)
            if detail is not None:
                yield detail


async def _as_json(found: _Found) -> AsyncIterator[dict[str, Any]]:
    async for detail in found.entries():
        yield json_views.entry_with_reasons(detail)


def _print(detail: EntryDetail) -> None:
    row, now = detail.row, SystemClock().now()
    output.text(f"{row.key}: {human.size(row.size_bytes)}, {row.copies} of {row.wanted} copies, {row.states}")
    copies = [
        (
            f"  {copy.location}",
            copy.state,
            human.size(copy.size_bytes),
            human.age(copy.verified_at, now),
            (copy.sha256 or human.NOTHING)[:12],
            copy.path,
        )
        for copy in detail.replicas
    ]
    output.table(_REPLICAS, copies)
    places = [
        (
            f"  {place.location}",
            human.yes(place.wanted),
            human.yes(place.held),
            f"{place.rule} (line {place.line})" if place.line is not None else place.rule,
            place.because,
            place.blocked or "",
        )
        for place in detail.placements
    ]
    if places:
        output.table(_PLACEMENTS, places)
    for transfer in detail.transfers:
        output.text(f"  transfer {transfer.id} to {transfer.target}: {transfer.state} {transfer.reason}")
    output.line()
