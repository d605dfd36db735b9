"""``syncdeck bandwidth set``: limit the fleet or one node now, for a while or until it is taken back."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from app.cli import output
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, Settings, StateOption, refuse_read_only, settings_of
from config.units import parse_duration, parse_rate
from engine.views_bandwidth import BandwidthChange

NONE = "none"


def bandwidth_set(
    context: typer.Context,
    rate: Annotated[
        str | None, typer.Argument(metavar="RATE", help="20MB/s, 160Mbit/s, or none: no limit, whatever the file says.")
    ] = None,
    node: Annotated[str | None, typer.Option("--node", metavar="NODE", help="Of this host, not of the fleet.")] = None,
    for_text: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="Only so long, such as 2h; then the file counts again.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take it back: the file counts again.")] = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Set a limit; running transfers heed it within a second. It outlasts a restart of the engine."""
    settings = settings_of(context, config, state)
    refuse_read_only(settings, "bandwidth set")
    return asyncio.run(_set(settings, change_of(rate, node, for_text, clear)))


def change_of(rate: str | None, node: str | None, for_text: str | None, clear: bool) -> BandwidthChange:
    """Return what the words ask for; raises BadParameter where they do not say one thing."""
    if clear:
        if rate is not None or for_text is not None:
            raise typer.BadParameter("--clear takes neither RATE nor --for")
        return BandwidthChange(node=node, clear=True)
    if rate is None:
        raise typer.BadParameter("RATE is missing: write 20MB/s, 160Mbit/s or none, or --clear")
    try:
        limit = None if rate.strip().lower() == NONE else parse_rate(rate)
        seconds = None if for_text is None else parse_duration(for_text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if limit == 0 or seconds == 0:
        raise typer.BadParameter("a limit and its time are larger than nothing; `syncdeck pause` stops transfers")
    return BandwidthChange(node=node, limit_bytes_per_second=limit, seconds=seconds)


async def _set(settings: Settings, change: BandwidthChange) -> int:
    async with engine_for(settings) as engine:
        result = await engine.set_bandwidth(change)
    output.text(result.message)
    return ExitCode.DONE
