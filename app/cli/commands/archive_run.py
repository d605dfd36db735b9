"""``syncdeck archive run`` and ``undo``: archive copies, replace their originals, and take the last run back."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from app.cli import human, json_views, output
from app.cli.confirm import confirm
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, JsonOption, Settings, StateOption, YesOption, refuse_read_only, settings_of
from app.cli.request import DryRunOption
from app.cli.table import Column
from engine.views import ActionResult
from engine.views_archive import ArchivePreview, ArchiveRequest

_STEPS = (
    Column("KEY", flexible=True),
    Column("AT", flexible=True),
    Column("SIZE", right=True),
    Column("COPIES BEFORE", right=True),
    Column("AFTER", right=True),
    Column("PROOF", flexible=True),
)
_REFUSED = (Column("KEY", flexible=True), Column("REFUSED", flexible=True), Column("REMEDY", flexible=True))


def archive_run(
    context: typer.Context,
    keys: Annotated[list[str] | None, typer.Argument(metavar="KEY...", help="Keys of `syncdeck catalog ls`.")] = None,
    location: Annotated[
        str | None, typer.Option("--location", metavar="L", help="The copies at this location; without keys, all.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="L", help="Keep the archives here.")] = None,
    codec: Annotated[str, typer.Option("--codec", metavar="C", help="zstd or gzip.")] = "zstd",
    keep_original: Annotated[bool, typer.Option("--keep-original", help="Delete nothing.")] = False,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Archive copies: compressed, read back in full, and only then, with a proof, the originals deleted."""
    settings = settings_of(context, config, state)
    if not keys and location is None:
        raise typer.BadParameter("name keys, or a location: `syncdeck archive candidates` shows both")
    if codec not in ("zstd", "gzip"):
        raise typer.BadParameter("the codec is zstd or gzip")
    if not dry_run:
        refuse_read_only(settings, "archive run")
    request = ArchiveRequest(tuple(keys or ()), location, to, codec, not keep_original)
    return asyncio.run(_run(settings, request, yes, dry_run, json_output))


async def _run(settings: Settings, request: ArchiveRequest, yes: bool, dry_run: bool, json_output: bool) -> int:
    async with engine_for(settings) as engine:
        preview = await engine.archive_preview(request)
        if dry_run:
            _print(preview, json_output)
            return ExitCode.DONE
        if request.delete_original and preview.steps:
            count = human.count(len(preview.steps), "file")
            confirm("archive and delete originals", f"Archive {count} and delete the originals?", yes)
        result = await engine.archive_run(request)
    if json_output:
        output.json_value(json_views.plain(result) | {"refused": json_views.plain(preview)["refused"]})
    else:
        output.text(result.message)
        if preview.refused:
            output.table(_REFUSED, preview.refused)
    return ExitCode.BAD_ANSWER if preview.refused and not result.accepted else ExitCode.DONE


def _print(preview: ArchivePreview, json_output: bool) -> None:
    if json_output:
        output.json_value(json_views.plain(preview))
        return
    output.line(
        f"{human.count(len(preview.steps), 'file')}, {human.size(preview.bytes)}; about"
        f" {human.size(preview.archive_bytes)} at {preview.destination}"
    )
    if preview.steps:
        output.table(
            _STEPS,
            (
                (s.key, s.location, human.size(s.size_bytes), str(s.copies_before), str(s.copies_after), s.proof)
                for s in preview.steps
            ),
        )
    if preview.refused:
        output.table(_REFUSED, preview.refused)


def archive_undo(
    context: typer.Context, json_output: JsonOption = False, config: ConfigOption = None, state: StateOption = None
) -> int:
    """Restore the originals that the last run deleted."""
    settings = settings_of(context, config, state)
    refuse_read_only(settings, "archive undo")
    return asyncio.run(_undo(settings, json_output))


async def _undo(settings: Settings, json_output: bool) -> int:
    async with engine_for(settings) as engine:
        result = await engine.archive_undo()
    return told(result, json_output)


def archive_cancel(
    context: typer.Context,
    ids: Annotated[list[int], typer.Argument(metavar="ID...", help="Ids of `syncdeck archive list`.")],
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Stop archives that are being written or restored; originals stay. Exit code 1 when there was nothing to stop."""
    settings = settings_of(context, config, state)
    refuse_read_only(settings, "archive cancel")
    return asyncio.run(_cancel(settings, tuple(ids), json_output))


async def _cancel(settings: Settings, ids: tuple[int, ...], json_output: bool) -> int:
    async with engine_for(settings) as engine:
        result = await engine.archive_cancel(ids)
    told(result, json_output)
    return ExitCode.DONE if result.accepted else ExitCode.BAD_ANSWER


def told(result: ActionResult, json_output: bool) -> int:
    """Print what an act came to."""
    if json_output:
        output.json_value(json_views.plain(result))
    else:
        output.text(result.message)
    return ExitCode.DONE
