"""``syncdeck transfers retry``: try again what was blocked, once its reason is mended."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from app.cli import output
from app.cli.commands.transfers import every_row
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, Settings, StateOption, refuse_read_only, settings_of
from engine.client import EngineClient
from engine.model import TransferState


def transfers_retry(
    context: typer.Context,
    ids: Annotated[list[int] | None, typer.Argument(metavar="[ID...]", help="Ids of `syncdeck transfers`.")] = None,
    blocked: Annotated[bool, typer.Option("--blocked", help="Every transfer that is blocked.")] = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Try transfers again that are blocked, failed, cancelled or waiting, once their reason is mended."""
    if bool(ids) == blocked:
        raise typer.BadParameter("name the IDs of transfers, or say --blocked")
    return asyncio.run(_retry(settings_of(context, config, state), tuple(ids or ())))


async def _retry(settings: Settings, ids: tuple[int, ...]) -> int:
    refuse_read_only(settings, "transfers retry")
    async with engine_for(settings) as engine:
        chosen = ids or await _blocked(engine)
        result = await engine.retry(chosen)
    output.text(result.message)
    return ExitCode.DONE if result.accepted == len(set(chosen)) else ExitCode.BAD_ANSWER


async def _blocked(engine: EngineClient) -> tuple[int, ...]:
    """Return the ids of all blocked transfers."""
    rows = every_row(engine, history=False)
    return tuple([row.id async for row in rows if row.state == TransferState.BLOCKED.value])
