"""``syncdeck rules simulate, set, remove, undo, fix``: try an edit of the rules, make it, take it back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
import yaml

from app.cli import human, json_views, output
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, JsonOption, Settings, StateOption, refuse_read_only, settings_of
from app.cli.table import Column
from config.editing.nodes import BOM
from config.source import read_text
from engine.client import EngineClient
from engine.views_rules import DraftCheck, RuleDraft, RulesView, SaveResult

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what it would mean, and change nothing.")]
_NODES = (
    Column("PLACE", flexible=True),
    Column("ADDED", right=True),
    Column("SIZE", right=True),
    Column("SURPLUS", right=True),
    Column("SIZE", right=True),
    Column("FULL NOW", right=True),
    Column("FULL THEN", right=True),
)
_FIXES = (Column("FIX", flexible=True), Column("SEVERITY"), Column("LINES"), Column("WHAT IT DOES", flexible=True))


def rules_simulate(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="One rule as YAML.")],
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Try a rule on the real catalog: in place of the one of its name, else as a new one before the built-in ones."""
    return asyncio.run(_set(settings_of(context, config, state), None, read_text(file), None, True, json_output))


def rules_set(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The rule to put in, or to put in place of.")],
    file: Annotated[
        Path, typer.Option("--file", metavar="F", exists=True, dir_okay=False, help="The rule as YAML, with that name.")
    ],
    before: Annotated[str | None, typer.Option("--before", metavar="NAME", help="Decide before this rule.")] = None,
    dry_run: DryRunOption = False,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Save a rule into the configuration; every other byte of the file stays. In effect at once."""
    settings = settings_of(context, config, state)
    return asyncio.run(_set(settings, name, read_text(file), before, dry_run, json_output))


def rules_remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The rule to take out.")],
    dry_run: DryRunOption = False,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Take a rule out of the configuration; copies that nothing wants any more stay where they are."""
    settings = settings_of(context, config, state)
    return asyncio.run(_apply(settings, RuleDraft(replaces=name), dry_run, json_output))


def rules_undo(
    context: typer.Context, json_output: JsonOption = False, config: ConfigOption = None, state: StateOption = None
) -> int:
    """Take the last edit back: the identical bytes, unless somebody else edited since."""
    settings = settings_of(context, config, state)
    refuse_read_only(settings, "undo an edit of the rules")
    return asyncio.run(_undo(settings, json_output))


def rules_fix(
    context: typer.Context,
    fix_id: Annotated[str | None, typer.Argument(metavar="ID", help="Which; without it all are shown.")] = None,
    dry_run: DryRunOption = False,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Mend a finding of lint by a small edit of the configuration; without ID show what can be mended so."""
    settings = settings_of(context, config, state)
    if fix_id is None:
        return asyncio.run(_fixes(settings, json_output))
    return asyncio.run(_apply(settings, RuleDraft(fix_id=fix_id), dry_run, json_output))


async def _set(
    settings: Settings, name: str | None, text: str, before: str | None, dry_run: bool, json_output: bool
) -> int:
    if not dry_run:
        refuse_read_only(settings, "set a rule")
    text = text.removeprefix(BOM)
    written = _name_in(text)
    if name is not None and written is not None and written != name:
        raise typer.BadParameter(f"the file holds the rule {written}, not {name}")
    async with engine_for(settings) as engine:
        view = await engine.rules()
        return await _go(engine, view, _draft(view, text, written, before), dry_run, json_output)


def _draft(view: RulesView, text: str, name: str | None, before: str | None) -> RuleDraft:
    own = [rule.name for rule in view.rules if rule.line is not None]
    if before is not None and before not in own:
        raise typer.BadParameter(f"there is no rule {before} in the file to decide before")
    position = own.index(before) if before is not None else None
    return RuleDraft(text, name if name in own else None, position)


def _name_in(text: str) -> str | None:
    """Return the name in a rule's text; None where there is none, which checking the draft then tells with its line."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    name = data.get("name") if isinstance(data, dict) else None
    return name if isinstance(name, str) else None


async def _apply(settings: Settings, draft: RuleDraft, dry_run: bool, json_output: bool) -> int:
    if not dry_run:
        refuse_read_only(settings, "change the rules")
    async with engine_for(settings) as engine:
        return await _go(engine, await engine.rules(), draft, dry_run, json_output)


async def _go(engine: EngineClient, view: RulesView, draft: RuleDraft, dry_run: bool, json_output: bool) -> int:
    if not dry_run:
        return _tell(await engine.save_rule(draft, view.digest), json_output)
    check = await engine.check_rule(draft)
    if json_output:
        output.json_value(json_views.plain(check))
    else:
        _print(check)
    return ExitCode.BAD_ANSWER if any(note.severity == "error" for note in check.notes) else ExitCode.DONE


async def _undo(settings: Settings, json_output: bool) -> int:
    async with engine_for(settings) as engine:
        return _tell(await engine.undo_rules(), json_output)


async def _fixes(settings: Settings, json_output: bool) -> int:
    async with engine_for(settings) as engine:
        fixes = (await engine.rules()).fixes
    if json_output:
        output.json_value([json_views.plain(fix) for fix in fixes])
    else:
        rows = [(fix.id, fix.severity, ", ".join(map(str, fix.lines)), fix.description) for fix in fixes]
        output.table(_FIXES, rows)
    return ExitCode.DONE


def _tell(result: SaveResult, json_output: bool) -> int:
    if json_output:
        output.json_value(json_views.plain(result))
    else:
        output.text(result.message)
        for title, text in (("theirs:", result.theirs), ("ours:", result.ours)):
            if text:
                output.text(title)
                for line in text.splitlines():
                    output.text(f"  {line}")
    return ExitCode.DONE if result.outcome in ("saved", "merged") else ExitCode.BAD_ANSWER


def _print(check: DraftCheck) -> None:
    for note in check.notes:
        place = f"{note.line}:{note.column}: " if note.line else ""
        output.text(f"{place}{note.severity}: {note.message}")
        if note.remedy:
            output.text(f"    {note.remedy}")
    for line in check.diff.splitlines():
        output.text(line)
    found = check.simulation
    if found is None:
        return
    rows = [
        (
            node.location,
            f"{node.added_files:,}",
            human.size(node.added_bytes),
            f"{node.surplus_files:,}",
            human.size(node.surplus_bytes),
            _percent(node.used_percent_before),
            _percent(node.used_percent_after),
        )
        for node in found.nodes
    ]
    if rows:
        output.table(_NODES, rows)
    for gap in found.unplaced:
        copies = human.count(gap.copies, "copy")
        output.text(f"not placed: {copies}, {human.size(gap.bytes)}: {gap.reason} ({gap.example})")
    moves = f"{human.count(found.files_to_move, 'file')} to move, {human.size(found.bytes_to_move)}"
    output.note(f"{moves}; {human.count(found.entries, 'entry')} tried in {found.seconds:.2f} s")


def _percent(value: float | None) -> str:
    return human.NOTHING if value is None else f"{value:.1f} %"
