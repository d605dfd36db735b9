"""``syncdeck disk allow``: raise a node's disk limit for a time."""

from __future__ import annotations

import asyncio
import math
from typing import Annotated

import typer

from app.cli.commands.archive_run import told
from app.cli.engine_access import engine_for
from app.cli.options import ConfigOption, JsonOption, Settings, StateOption, refuse_read_only, settings_of
from config.units import parse_duration


def disk_allow(
    context: typer.Context,
    node: Annotated[str, typer.Argument(metavar="NODE", help="The name of a host of the file.")],
    percent: Annotated[str | None, typer.Argument(metavar="PERCENT", help="Up to how full, such as 90%.")] = None,
    for_text: Annotated[str, typer.Option("--for", metavar="TIME", help="For how long, such as 6h.")] = "6h",
    off: Annotated[bool, typer.Option("--off", help="Take it back: the file's limit counts again.")] = False,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Let a node's disks be filled further than max_disk_usage_percent says, for a time; it is written down."""
    settings = settings_of(context, config, state)
    refuse_read_only(settings, "disk allow")
    if off == (percent is not None):
        raise typer.BadParameter("name a limit, such as 90%, or --off")
    return asyncio.run(_allow(settings, node, *_meant(percent, for_text), json_output))


def _meant(percent: str | None, for_text: str) -> tuple[float, float]:
    if percent is None:
        return 1.0, 0.0
    try:
        limit = float(percent.removesuffix("%"))
        if not math.isfinite(limit):
            raise ValueError(f"{percent} is no percentage")
        return limit, parse_duration(for_text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}: write it like 90% --for 6h") from error


async def _allow(settings: Settings, node: str, percent: float, seconds: float, json_output: bool) -> int:
    async with engine_for(settings) as engine:
        result = await engine.disk_allow(node, percent, seconds)
    return told(result, json_output)
