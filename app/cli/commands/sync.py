"""``syncdeck sync``: ask for what matches to be brought where it belongs, or to named nodes, now."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from app.cli.options import ConfigOption, JsonOption, StateOption, refuse_read_only, settings_of
from app.cli.request import DryRunOption, carry_out
from config.types import DataType
from engine.model import SyncPriority
from engine.views import SyncRequest

PRIORITIES = ", ".join(f"{item.name.lower()} ({item.value})" for item in SyncPriority)


def parse_priority(text: str) -> SyncPriority:
    """Return the priority of a name or a number; raises BadParameter."""
    for item in SyncPriority:
        if text.lower() in (item.name.lower(), str(item.value)):
            return item
    raise typer.BadParameter(f"{text!r} is none of {PRIORITIES}")


def sync(
    context: typer.Context,
    data_type: Annotated[DataType | None, typer.Option("--type", help="Only this data type.")] = None,
    config_key: Annotated[str | None, typer.Option("--config-key", metavar="K", help="Only this config key.")] = None,
    to: Annotated[list[str] | None, typer.Option("--to", metavar="NODE", help="To this node; repeatable.")] = None,
    priority: Annotated[
        SyncPriority | None,
        typer.Option("--priority", metavar="P", parser=parse_priority, help=f"One of {PRIORITIES}."),
    ] = None,
    dry_run: DryRunOption = False,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Queue what matches; without options everything that the rules want and that is not there."""
    settings = settings_of(context, config, state)
    if not dry_run:
        refuse_read_only(settings, "sync")
    request = SyncRequest(
        data_type=data_type.value if data_type else None,
        config_key=config_key,
        targets=tuple(to or ()),
        priority=int(priority) if priority else None,
    )
    return asyncio.run(carry_out(settings, request, dry_run, json_output))
