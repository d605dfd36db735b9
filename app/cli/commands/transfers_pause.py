"""``syncdeck transfers pause, resume, cancel``: single transfers are held back, let go on, or ended."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from app.cli import output
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, Settings, StateOption, refuse_read_only, settings_of

IdsArgument = Annotated[list[int], typer.Argument(metavar="ID...", help="Ids of `syncdeck transfers`.")]


def transfers_pause(
    context: typer.Context, ids: IdsArgument, config: ConfigOption = None, state: StateOption = None
) -> int:
    """Stop transfers and hold them back, also over a restart; what arrived is kept."""
    return asyncio.run(_switch("pause", settings_of(context, config, state), tuple(ids)))


def transfers_resume(
    context: typer.Context, ids: IdsArgument, config: ConfigOption = None, state: StateOption = None
) -> int:
    """Let transfers go on that were paused one by one."""
    return asyncio.run(_switch("resume", settings_of(context, config, state), tuple(ids)))


def transfers_cancel(
    context: typer.Context, ids: IdsArgument, config: ConfigOption = None, state: StateOption = None
) -> int:
    """Cancel transfers; nothing of them stays behind."""
    return asyncio.run(_switch("cancel", settings_of(context, config, state), tuple(ids)))


async def _switch(what: str, settings: Settings, ids: tuple[int, ...]) -> int:
    refuse_read_only(settings, f"transfers {what}")
    async with engine_for(settings) as engine:
        act = {"pause": engine.pause_transfers, "resume": engine.resume_transfers, "cancel": engine.cancel}[what]
        result = await act(ids)
    output.text(result.message)
    return ExitCode.DONE if result.accepted == len(set(ids)) else ExitCode.BAD_ANSWER
