"""``syncdeck catalog games``: how many games a database holds, and how many of them are nowhere else."""

from __future__ import annotations

import asyncio
import posixpath
from typing import Annotated, Any

import typer

from app.cli import json_views, output
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, JsonOption, Settings, StateOption, settings_of
from engine.games.words import games_sentence
from engine.views_archive import GamesView


def catalog_games(
    context: typer.Context,
    keys: Annotated[list[str], typer.Argument(metavar="KEY...", help="Keys of games databases.")],
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Show which games are also in other databases; exit 1 if a key is unknown, or its games are not counted."""
    return asyncio.run(_games(settings_of(context, config, state), keys, json_output))


async def _games(settings: Settings, keys: list[str], json_output: bool) -> int:
    found: list[tuple[str, GamesView | None]] = []
    unknown: list[str] = []
    async with engine_for(settings) as engine:
        for key in dict.fromkeys(keys):
            if await engine.entry(key) is None:
                unknown.append(key)
            else:
                found.append((key, await engine.games(key)))
    if json_output:
        output.json_value([_as_json(key, view) for key, view in found])
    else:
        for key, view in found:
            output.text(games_sentence(posixpath.basename(key.partition("@")[0]), view))
    for key in unknown:
        output.note(f"no entry has the key {key}")
    return ExitCode.BAD_ANSWER if unknown or any(view is None for _, view in found) else ExitCode.DONE


def _as_json(key: str, view: GamesView | None) -> dict[str, Any]:
    return {"key": key, "games": None if view is None else json_views.plain(view)}
