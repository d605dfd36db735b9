"""``syncdeck catalog classify``: what syncdeck takes a path for, from its name alone."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import human, json_views, output
from app.cli.exit_codes import ExitCode
from app.cli.options import JsonOption
from app.cli.table import Column

_COLUMNS = (Column("TYPE"), Column("CONFIG KEY"), Column("PATH"))


def catalog_classify(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH...", help="Paths; none of them has to exist here.")
    ] = None,
    json_output: JsonOption = False,
) -> int:
    """Show the data type and config key of paths. Looks at no file; always exits 0."""
    from config.classify import classify

    found = [(path, classify(path)) for path in paths or ()]
    if json_output:
        output.json_value([json_views.classified(path, what.data_type, what.config_key) for path, what in found])
    elif found:
        nothing = human.NOTHING
        rows = [(what.data_type or nothing, what.config_key or nothing, path) for path, what in found]
        output.table(_COLUMNS, rows)
    return ExitCode.DONE
