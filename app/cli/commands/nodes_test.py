"""``syncdeck nodes test``: whether each node can be used now, over a fresh connection, and what mends it if not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import typer

from app.cli import human, json_views, output
from app.cli.exit_codes import ExitCode
from app.cli.fleet_access import FleetAccess, fleet_access
from app.cli.options import ConfigOption, JsonOption, NodesArgument, StateOption, settings_of
from app.cli.table import Column
from engine.clock import Clock, SystemClock
from engine.errors import NodeUnreachable, SyncdeckError
from engine.model import NodeState

AT_ONCE = 16

_COLUMNS = (
    Column("NODE", flexible=True),
    Column("STATE"),
    Column("LATENCY", right=True),
    Column("PYTHON"),
    Column("RSYNC", flexible=True),
    Column("ZSTD"),
    Column("CAUSE", flexible=True),
    Column("REMEDY", flexible=True),
)


@dataclass(frozen=True, slots=True)
class NodeReport:
    """What a test of one node found. ``latency_seconds`` is one question and its answer, ``connect_seconds`` all
    before that; both None where the node did not get that far."""

    node: str
    state: str
    cause: str
    remedy: str
    connect_seconds: float | None = None
    latency_seconds: float | None = None
    python: str | None = None
    platform: str | None = None
    rsync: str | None = None
    zstd: bool | None = None

    @property
    def usable(self) -> bool:
        """Whether data can be moved from and to it."""
        return self.state == NodeState.UP


def nodes_test(
    context: typer.Context,
    nodes: NodesArgument = None,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Connect to nodes (default: all that are used) and say what they have; exit 1 if one cannot be used."""
    access = fleet_access(settings_of(context, config, state))
    reports = asyncio.run(_test_all(access, access.chosen(tuple(nodes or ())), SystemClock()))
    if json_output:
        output.json_value([json_views.plain(report) | {"usable": report.usable} for report in reports])
    else:
        output.table(_COLUMNS, [_cells(report) for report in reports])
    return ExitCode.DONE if all(report.usable for report in reports) else ExitCode.BAD_ANSWER


async def _test_all(access: FleetAccess, nodes: tuple[str, ...], clock: Clock) -> list[NodeReport]:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(node: str) -> NodeReport:
        async with slots:
            return await _test(access, node, clock)

    return list(await asyncio.gather(*(one(node) for node in nodes)))


async def _test(access: FleetAccess, node: str, clock: Clock) -> NodeReport:
    from engine.remote.connect import open_session

    began = clock.monotonic()
    try:
        session = await open_session(access.fleet.endpoint(node), access.ssh)
        try:
            connected = clock.monotonic()
            await session.stat(session.info.home)
            answered = clock.monotonic()
        finally:
            await session.close()
    except NodeUnreachable as error:
        return NodeReport(node, error.state, error.cause, error.remedy)
    except SyncdeckError as error:
        return NodeReport(node, NodeState.ERROR, error.cause, error.remedy)
    info = session.info
    return NodeReport(
        node=node,
        state=NodeState.UP,
        cause="",
        remedy="" if info.rsync else "install rsync there for faster copies to and from the engine's node",
        connect_seconds=connected - began,
        latency_seconds=answered - connected,
        python=info.python,
        platform=info.platform,
        rsync=info.rsync,
        zstd=info.zstd,
    )


def _cells(report: NodeReport) -> tuple[str, ...]:
    latency = human.NOTHING if report.latency_seconds is None else f"{1000 * report.latency_seconds:.0f} ms"
    return (
        report.node,
        report.state,
        latency,
        report.python or human.NOTHING,
        report.rsync or human.NOTHING,
        human.NOTHING if report.zstd is None else human.yes(report.zstd),
        report.cause,
        report.remedy,
    )
