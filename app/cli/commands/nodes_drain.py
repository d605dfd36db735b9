"""``syncdeck nodes drain``: empty a node before it is switched off, and say when that is safe."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from app.cli import json_views, output
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, JsonOption, Settings, StateOption, refuse_read_only, settings_of
from app.cli.request import DryRunOption, print_preview
from engine.client import EngineClient
from engine.errors import ErrorClass, SyncdeckError
from engine.views_engine import EngineState
from engine.views_nodes import RescueView

LOOK_SECONDS = 1.0


def nodes_drain(
    context: typer.Context,
    node: Annotated[str, typer.Argument(metavar="NODE", help="Name of a host of the file.")],
    cancel: Annotated[bool, typer.Option("--cancel", help="Let the node take copies again.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Return when it is safe to switch the node off.")] = False,
    dry_run: DryRunOption = False,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Copy what is only on NODE to safe places, place nothing new there, and say when it may be switched off."""
    if cancel and (wait or dry_run):
        raise typer.BadParameter("--cancel stands alone")
    settings = settings_of(context, config, state)
    if not dry_run:
        refuse_read_only(settings, "drain")
    return asyncio.run(_drain(settings, node, cancel, wait, dry_run, json_output))


async def _drain(settings: Settings, node: str, cancel: bool, wait: bool, dry_run: bool, json_output: bool) -> int:
    async with engine_for(settings) as engine:
        if dry_run:
            print_preview(await engine.drain_preview(node), json_output)
            return ExitCode.DONE
        if wait:
            await _needs_running_engine(engine)
        result = await (engine.drain_cancel(node) if cancel else engine.drain(node))
        if wait:
            return await _waited(engine, node, json_output)
    if json_output:
        output.json_value(json_views.plain(result))
    else:
        output.text(result.message)
    return ExitCode.DONE


async def _needs_running_engine(engine: EngineClient) -> None:
    if (await engine.status()).engine.state is EngineState.OFFLINE:
        cause, remedy = "no engine runs that could empty it", "start one (syncdeck --no-ui), or leave --wait out"
        raise SyncdeckError("wait for", "the drain", cause, remedy, ErrorClass.CONFIG)


async def _waited(engine: EngineClient, node: str, json_output: bool) -> int:
    """Wait until the drain is done or stuck; every new sentence goes to stderr."""
    said = ""
    while True:
        view = await _view(engine, node)
        if view.state != "running":
            break
        if view.sentence != said:
            said = view.sentence
            output.note(said)
        await asyncio.sleep(LOOK_SECONDS)
    if json_output:
        output.json_value(json_views.plain(view))
    else:
        output.text(view.sentence)
        for key, why in view.unsaved:
            output.text(f"{key}: {why}")
    return ExitCode.DONE if view.state == "done" else ExitCode.BAD_ANSWER


async def _view(engine: EngineClient, node: str) -> RescueView:
    for view in await engine.rescues():
        if view.kind == "drain" and node in view.nodes and not view.cancelled:
            return view
    cause, remedy = "somebody cancelled it", "see `syncdeck nodes at-risk`"
    raise SyncdeckError("wait for", f"the drain of {node}", cause, remedy, ErrorClass.NOT_FOUND)
