"""``syncdeck pause`` and ``syncdeck resume``: stop starting transfers, and start again."""

from __future__ import annotations

import asyncio

import typer

from app.cli import output
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, NodesArgument, Settings, StateOption, refuse_read_only, settings_of


def pause(
    context: typer.Context, nodes: NodesArgument = None, config: ConfigOption = None, state: StateOption = None
) -> int:
    """Stop transfers from and to nodes (without NODE: anywhere) and start none; what arrived is kept."""
    return asyncio.run(_switch("pause", settings_of(context, config, state), tuple(nodes or ())))


def resume(
    context: typer.Context, nodes: NodesArgument = None, config: ConfigOption = None, state: StateOption = None
) -> int:
    """Undo pause; without NODE also the go for an engine that only observes."""
    return asyncio.run(_switch("resume", settings_of(context, config, state), tuple(nodes or ())))


async def _switch(what: str, settings: Settings, nodes: tuple[str, ...]) -> int:
    refuse_read_only(settings, what)
    async with engine_for(settings) as engine:
        result = await (engine.pause(nodes) if what == "pause" else engine.resume(nodes))
    output.text(result.message)
    return ExitCode.DONE
