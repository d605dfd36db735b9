"""Carries out a sync request: shows what it does, then does it. Shared by sync and emergency."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import human, json_views, output
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import Settings
from app.cli.plan_tables import print_plans, print_refusals
from engine.views import SyncPreview, SyncRequest

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what it would do, and do nothing.")]


async def carry_out(settings: Settings, request: SyncRequest, dry_run: bool, json_output: bool) -> int:
    """Preview a request, or queue it; print what it came to."""
    async with engine_for(settings) as engine:
        if dry_run:
            print_preview(await engine.preview(request), json_output)
            return ExitCode.DONE
        result = await engine.sync(request)
    if json_output:
        output.json_value(json_views.plain(result))
    else:
        output.text(result.message)
    return ExitCode.DONE


def print_preview(preview: SyncPreview, json_output: bool) -> None:
    """Print files, bytes, time, what moves and what is refused."""
    if json_output:
        output.json_value(json_views.preview(preview))
        return
    time = f", about {human.span(preview.seconds)}" if preview.seconds is not None else ""
    output.line(f"{human.count(preview.files, 'file')}, {human.size(preview.bytes)}{time}")
    print_plans(preview.items)
    print_refusals(preview.refused)
