"""``syncdeck audit``: who did what to what, from the engine's log and the commands' own."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from app.cli import audit as logs
from app.cli import human, output
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, JsonOption, StateOption, settings_of
from app.cli.table import Column
from engine.errors import ErrorClass, SyncdeckError

_COLUMNS = (
    Column("WHEN"),
    Column("WHO"),
    Column("ACTION"),
    Column("ON", flexible=True),
    Column("DETAIL", flexible=True),
)
USUAL = 50


def audit(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="At most so many, the newest.")] = USUAL,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Show who did what to what, the newest first; asks no engine, so that it also works while one runs."""
    state_dir = settings_of(context, config, state).state_dir()
    try:
        acts, unreadable = logs.acts(state_dir, limit)
    except OSError as error:
        remedy = "run it as the user who owns the state directory"
        cause = error.strerror or str(error)
        raise SyncdeckError("read", str(state_dir / logs.FILE), cause, remedy, ErrorClass.CONFIG) from error
    if json_output:
        output.json_value([asdict(act) for act in acts])
    elif acts:
        output.table(_COLUMNS, [(_when(act.at), act.who, act.action, act.subject, _detail(act)) for act in acts])
    else:
        output.note(f"nothing was done yet on {state_dir}")
    if unreadable:
        output.note(f"{human.count(unreadable, 'line')} of {logs.FILE} cannot be read, and are left out")
    return ExitCode.DONE


def _when(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _detail(act: logs.Act) -> str:
    return act.detail or ", ".join(f"{name}: {value}" for name, value in act.more.items())
