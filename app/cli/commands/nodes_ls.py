"""``syncdeck nodes ls``: the fleet's hosts as the engine knows them."""

from __future__ import annotations

import asyncio

import typer

from app.cli import human, json_views, output
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, JsonOption, NodesArgument, Settings, StateOption, settings_of
from app.cli.table import Column

_COLUMNS = (
    Column("NODE", flexible=True),
    Column("STATE"),
    Column("ROLE", flexible=True),
    Column("DURABLE"),
    Column("TRAINER"),
    Column("SEEN", right=True),
    Column("WHY", flexible=True),
    Column("REMEDY", flexible=True),
)


def nodes_ls(
    context: typer.Context,
    nodes: NodesArgument = None,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """List the hosts with their state, its reason and what mends it. Contacts none of them itself."""
    return asyncio.run(_list(settings_of(context, config, state), tuple(nodes or ()), json_output))


async def _list(settings: Settings, wanted: tuple[str, ...], json_output: bool) -> int:
    async with engine_for(settings) as engine:
        view = await engine.status()
    unknown = [name for name in wanted if name not in {node.node for node in view.nodes}]
    chosen = [node for node in view.nodes if not wanted or node.node in wanted]
    if json_output:
        output.json_value([json_views.plain(node) for node in chosen])
    else:
        rows = [
            (
                node.node,
                "paused" if node.paused else node.state,
                node.role,
                human.yes(node.durable),
                human.yes(node.trainer),
                human.age(node.last_seen_at, view.at),
                node.reason,
                node.remedy,
            )
            for node in chosen
        ]
        output.table(_COLUMNS, rows)
    for name in unknown:
        output.note(f"{name} is no host of {view.engine.config}")
    return ExitCode.BAD_ANSWER if unknown else ExitCode.DONE
