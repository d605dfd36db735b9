"""``syncdeck plan``: what would move now, and what would not, with the rule and the line that say so."""

from __future__ import annotations

import asyncio

import typer

from app.cli import json_views, output
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, JsonOption, Settings, StateOption, settings_of
from app.cli.plan_tables import print_plans, print_refusals


def plan(
    context: typer.Context, json_output: JsonOption = False, config: ConfigOption = None, state: StateOption = None
) -> int:
    """Show what would move now and why, and what would not and why. Moves nothing."""
    return asyncio.run(_plan(settings_of(context, config, state), json_output))


async def _plan(settings: Settings, json_output: bool) -> int:
    async with engine_for(settings) as engine:
        view = await engine.plan()
    if json_output:
        output.json_value(json_views.plan(view))
    else:
        print_plans(view.plans)
        print_refusals(view.refused)
    return ExitCode.DONE
