"""``syncdeck config effective``: what each host really receives, and the line that decides it."""

from __future__ import annotations

import typer

from app.cli import human, json_views, output
from app.cli.commands.config_lint import FileArgument
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, JsonOption, StateOption, settings_of
from app.cli.table import Column

_COLUMNS = (
    Column("HOST", flexible=True),
    Column("TYPE"),
    Column("RECEIVES"),
    Column("LINE", right=True),
    Column("BECAUSE", flexible=True),
)


def config_effective(
    context: typer.Context,
    file: FileArgument = None,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Show the one policy that a configuration file comes to: host by host, type by type."""
    from config.load import load

    policy = load(file or settings_of(context, config, state).config_path()).policy
    if json_output:
        output.json_value(json_views.effective(policy))
        return ExitCode.DONE
    rows = [
        (
            host,
            kind.value,
            human.yes(decision.receives),
            str(decision.line) if decision.line is not None else human.NOTHING,
            decision.because,
        )
        for (host, kind), decision in policy.decisions.items()
    ]
    output.table(_COLUMNS, rows)
    return ExitCode.DONE
