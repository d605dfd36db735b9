"""``syncdeck rules list`` and ``rules explain``: which rules decide, what each touches, why a file is where it is."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from app.cli import human, json_views, output
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, JsonOption, Settings, StateOption, settings_of
from app.cli.table import Column

_COLUMNS = (
    Column("RULE", flexible=True),
    Column("FROM"),
    Column("LINE", right=True),
    Column("MATCH", flexible=True),
    Column("PLACE", flexible=True),
    Column("PRIORITY"),
    Column("FILES", right=True),
    Column("SIZE", right=True),
)


def rules_list(
    context: typer.Context, json_output: JsonOption = False, config: ConfigOption = None, state: StateOption = None
) -> int:
    """Show all rules in the order of deciding, and what each decides about now."""
    return asyncio.run(_list(settings_of(context, config, state), json_output))


def rules_explain(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key of an entry.")],
    node: Annotated[str, typer.Argument(metavar="NODE", help="A host, or one of its drives as HOST:PATH.")],
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Say why an entry is, or is not, to be at a node, line by line, and what is in the way."""
    return asyncio.run(_explain(settings_of(context, config, state), key, node, json_output))


async def _list(settings: Settings, json_output: bool) -> int:
    async with engine_for(settings) as engine:
        view = await engine.rules()
    if json_output:
        output.json_value(json_views.plain(view))
        return ExitCode.DONE
    rows = [
        (
            rule.name,
            "gone" if rule.vanished else rule.origin,
            str(rule.line) if rule.line is not None else human.NOTHING,
            rule.match,
            rule.place,
            rule.priority,
            f"{rule.entries:,}",
            human.size(rule.bytes),
        )
        for rule in view.rules
    ]
    output.table(_COLUMNS, rows)
    if view.fixes:
        output.note(f"{human.count(len(view.fixes), 'finding')} can be mended: `syncdeck rules fix` shows them")
    if view.undo is not None:
        output.note(f"`syncdeck rules undo` takes back: {view.undo}")
    return ExitCode.DONE


async def _explain(settings: Settings, key: str, node: str, json_output: bool) -> int:
    async with engine_for(settings) as engine:
        view = await engine.explain(key, node)
    if json_output:
        because = [{"what": what, "line": line} for what, line in view.because]
        output.json_value(json_views.plain(view) | {"because": because})
        return ExitCode.DONE
    output.text(view.verdict)
    for what, line in view.because:
        output.text(f"  {what}" + (f" (line {line})" if line is not None else ""))
    for what in view.in_the_way:
        output.text(f"  in the way: {what}")
    if view.remedy:
        output.text(f"  {view.remedy}")
    return ExitCode.DONE
