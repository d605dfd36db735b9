"""``syncdeck emergency``: save first what only ephemeral or failing nodes hold."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from app.cli.confirm import confirm
from app.cli.options import (
    ConfigOption,
    JsonOption,
    NodesArgument,
    StateOption,
    YesOption,
    refuse_read_only,
    settings_of,
)
from app.cli.request import DryRunOption, carry_out
from engine.views import SyncRequest

FILL_QUESTION = "Fill targets past max_disk_usage_percent, down to min_free_disk_percent?"


def emergency(
    context: typer.Context,
    nodes: NodesArgument = None,
    allow_fill: Annotated[
        bool, typer.Option("--allow-fill", help="May fill targets past the maximum, down to the free-space floor.")
    ] = False,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Queue, before everything else, each entry whose only copies are on these nodes (default: all in danger)."""
    settings = settings_of(context, config, state)
    if not dry_run:
        refuse_read_only(settings, "emergency sync")
        if allow_fill:
            confirm("fill disks past the maximum", FILL_QUESTION, yes)
    request = SyncRequest(emergency=True, nodes=tuple(nodes or ()), allow_fill=allow_fill)
    return asyncio.run(carry_out(settings, request, dry_run, json_output))
