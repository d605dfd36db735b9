"""``syncdeck transfers keep-both``: copies that block transfers get names of their own, and what they blocked moves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from app.cli import human, json_views, output
from app.cli.confirm import confirm
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, JsonOption, Settings, StateOption, YesOption, refuse_read_only, settings_of
from app.cli.request import DryRunOption
from app.cli.table import Column
from engine.views import RefusalView
from engine.views_keeping import KeepPreview, KeepRequest, KeepStep

_STEPS = (
    Column("KEY", flexible=True),
    Column("ON"),
    Column("WHY"),
    Column("SIZE", right=True),
    Column("TO COME", right=True),
    Column("BECOMES", flexible=True),
)
_REFUSED = (
    Column("KEY", flexible=True),
    Column("ON"),
    Column("LEFT AS IT IS", flexible=True),
    Column("REMEDY", flexible=True),
)


def transfers_keep_both(
    context: typer.Context,
    keys: Annotated[list[str] | None, typer.Argument(metavar="KEY...", help="Keys of `syncdeck catalog ls`.")] = None,
    node: Annotated[
        list[str] | None, typer.Option("--node", metavar="NODE", help="Only copies on this node; repeatable.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All copies that are in the way.")] = False,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Keep copies that are larger than the new version, or differ from every version, beside it under a new name.

    No content is overwritten or removed: each copy is hashed, renamed, and an entry of its own from then on; the
    transfers that it blocked go on.
    """
    settings = settings_of(context, config, state)
    if not (keys or node or everything):
        raise typer.BadParameter("name keys, a node with --node, or --all: --dry-run shows what it would do")
    if keys and everything:
        raise typer.BadParameter("name keys or --all, not both")
    if not dry_run:
        refuse_read_only(settings, "transfers keep-both")
    request = KeepRequest(tuple(keys or ()), tuple(node or ()))
    return asyncio.run(_keep(settings, request, yes, dry_run, json_output))


async def _keep(settings: Settings, request: KeepRequest, yes: bool, dry_run: bool, json_output: bool) -> int:
    async with engine_for(settings) as engine:
        preview = await engine.keep_both_preview(request)
        if dry_run:
            _print(preview, json_output)
            return ExitCode.DONE
        if preview.steps:
            count = human.count(preview.files, "file")
            confirm("keep both", f"Give {count} ({human.size(preview.bytes)}) names of their own?", yes)
        result = await engine.keep_both(request)
    if json_output:
        output.json_value(json_views.plain(result))
    else:
        output.text(result.message)
        _print_steps(result.kept)
        _print_refused(result.refused)
    return ExitCode.BAD_ANSWER if result.refused or result.more else ExitCode.DONE


def _print(preview: KeepPreview, json_output: bool) -> None:
    if json_output:
        output.json_value(json_views.plain(preview))
        return
    goes_on = human.count(preview.transfers, "transfer")
    output.line(f"{human.count(preview.files, 'file')}, {human.size(preview.bytes)}; {goes_on} would go on")
    _print_steps(preview.steps)
    _print_refused(preview.refused)
    if preview.more:
        output.note(f"{preview.more:,} more are for the next time")


def _print_steps(steps: Sequence[KeepStep]) -> None:
    if steps:
        output.table(_STEPS, (_cells(step) for step in steps))


def _cells(step: KeepStep) -> tuple[str, ...]:
    coming = "nothing" if step.coming_bytes is None else human.size(step.coming_bytes)
    return step.key, step.location, step.code, human.size(step.size_bytes), coming, step.kept_path


def _print_refused(refused: Sequence[RefusalView]) -> None:
    if refused:
        output.table(_REFUSED, ((one.key, one.node or "anywhere", one.reason, one.remedy) for one in refused))
