"""``syncdeck transports reset``: try every transport of a node at once, whatever its breakers say."""

from __future__ import annotations

import asyncio

import typer

from app.cli import output
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, NodesArgument, Settings, StateOption, refuse_read_only, settings_of


def transports_reset(
    context: typer.Context, nodes: NodesArgument = None, config: ConfigOption = None, state: StateOption = None
) -> int:
    """Close the breakers of nodes (without NODE: of all), so that nothing waits for their cool-down."""
    return asyncio.run(_reset(settings_of(context, config, state), tuple(nodes or ())))


async def _reset(settings: Settings, nodes: tuple[str, ...]) -> int:
    refuse_read_only(settings, "reset the transports of")
    async with engine_for(settings) as engine:
        result = await engine.reset_transports(nodes)
    output.text(result.message)
    return ExitCode.DONE
