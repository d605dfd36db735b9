"""``syncdeck archive restore``, ``verify``, ``drill`` and ``allow``: getting data back, and knowing that one could."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from app.cli.commands.archive_run import told
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, JsonOption, Settings, StateOption, refuse_read_only, settings_of
from engine.client import EngineClient
from engine.views import ActionResult, CheckResult
from engine.views_archive import RestoreRequest

IdsArgument = Annotated[list[int], typer.Argument(metavar="ID...", help="Ids of `syncdeck archive list`.")]
SomeIdsArgument = Annotated[list[int] | None, typer.Argument(metavar="ID...", help="Ids of `syncdeck archive list`.")]


def archive_restore(
    context: typer.Context,
    ids: IdsArgument,
    location: Annotated[
        str | None, typer.Option("--location", metavar="L", help="To this location, not to where it came from.")
    ] = None,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Queue restores as transfers; nothing is ever restored over something different."""
    settings = settings_of(context, config, state)
    refuse_read_only(settings, "archive restore")
    request = RestoreRequest(tuple(ids), location)
    return asyncio.run(_act(settings, lambda engine: engine.restore(request), json_output))


def archive_verify(
    context: typer.Context,
    ids: SomeIdsArgument = None,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Read archives back in full, now; without ids all of them. Exit code 1 when one is damaged."""
    settings = settings_of(context, config, state)
    refuse_read_only(settings, "archive verify")
    numbers = tuple(ids or ())
    return asyncio.run(_check(settings, lambda engine: engine.archive_verify(numbers), json_output))


def archive_drill(
    context: typer.Context,
    count: Annotated[int, typer.Option("--count", min=1, help="How many archives.")] = 3,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Restore a random sample into scratch space, compare and check it, and remove it again."""
    settings = settings_of(context, config, state)
    refuse_read_only(settings, "archive drill")
    return asyncio.run(_check(settings, lambda engine: engine.archive_drill(count), json_output))


def archive_allow(
    context: typer.Context,
    off: Annotated[bool, typer.Option("--off", help="Take it back.")] = False,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Let the engine archive by itself what brings a full location down to target_disk_usage_percent."""
    settings = settings_of(context, config, state)
    refuse_read_only(settings, "archive allow")
    return asyncio.run(_act(settings, lambda engine: engine.set_archive_policy(not off), json_output))


async def _act(settings: Settings, act: Callable[[EngineClient], Awaitable[ActionResult]], json_output: bool) -> int:
    async with engine_for(settings) as engine:
        result = await act(engine)
    return told(result, json_output)


async def _check(settings: Settings, act: Callable[[EngineClient], Awaitable[CheckResult]], json_output: bool) -> int:
    async with engine_for(settings) as engine:
        result = await act(engine)
    told(result, json_output)
    return ExitCode.BAD_ANSWER if result.failed else ExitCode.DONE
