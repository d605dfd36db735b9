"""``syncdeck catalog pin`` and ``unpin``: files that must never be archived away or deleted."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from app.cli.commands.archive_run import told
from app.cli.engine_access import engine_for
from app.cli.options import ConfigOption, JsonOption, Settings, StateOption, refuse_read_only, settings_of

KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="A key of `syncdeck catalog ls`.")]


def catalog_pin(
    context: typer.Context,
    key: KeyArgument,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; written down with the pin.")] = "",
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Let no copy of a file be archived away or deleted, until it is unpinned; it is written down."""
    settings = settings_of(context, config, state)
    refuse_read_only(settings, "catalog pin")
    return asyncio.run(_pin(settings, key, reason, json_output))


async def _pin(settings: Settings, key: str, reason: str, json_output: bool) -> int:
    async with engine_for(settings) as engine:
        result = await engine.pin(key, reason)
    return told(result, json_output)


def catalog_unpin(
    context: typer.Context,
    key: KeyArgument,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Take the pin of a file away."""
    settings = settings_of(context, config, state)
    refuse_read_only(settings, "catalog unpin")
    return asyncio.run(_unpin(settings, key, json_output))


async def _unpin(settings: Settings, key: str, json_output: bool) -> int:
    async with engine_for(settings) as engine:
        result = await engine.unpin(key)
    return told(result, json_output)
