"""``syncdeck nodes leftovers``: temporary files of engines that nobody knows any more, and their removal."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import audit, human, json_views, output
from app.cli.confirm import confirm
from app.cli.exit_codes import ExitCode
from app.cli.fleet_access import FleetAccess, fleet_access
from app.cli.options import (
    ConfigOption,
    JsonOption,
    NodesArgument,
    StateOption,
    YesOption,
    refuse_read_only,
    settings_of,
)
from app.cli.table import Column
from config.units import parse_duration
from engine.clock import Clock, SystemClock
from engine.errors import ErrorClass, SyncdeckError

if TYPE_CHECKING:
    from engine.remote.session import AgentSession

OPERATION = "remove leftovers"
_COLUMNS = (
    Column("NODE", flexible=True),
    Column("ENGINE"),
    Column("AGE", right=True),
    Column("SIZE", right=True),
    Column("FILE", flexible=True),
    Column("OUTCOME", flexible=True),
)


@dataclass(frozen=True, slots=True)
class Leftover:
    """One temporary file of another engine; ``removed`` None where that was not asked for, ``reason`` why it stays."""

    node: str
    path: str
    engine: str
    size_bytes: int
    age_seconds: float
    removed: bool | None = None
    reason: str = ""


def nodes_leftovers(
    context: typer.Context,
    nodes: NodesArgument = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="Not touched for so long, such as 7d; least 1d.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove them; needs --older-than.")] = False,
    yes: YesOption = False,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """List temporary files of other engines on nodes, not touched for a day or more; remove them when told to."""
    settings = settings_of(context, config, state)
    if remove:
        refuse_read_only(settings, OPERATION)
    seconds = _seconds(older_than, remove)
    access, clock = fleet_access(settings), SystemClock()
    found, failures = asyncio.run(_on_all(access, access.chosen(tuple(nodes or ())), seconds, clock))
    if remove and found:
        total = human.size(sum(one.size_bytes for one in found))
        where = ", ".join(dict.fromkeys(one.node for one in found))
        question = f"Remove {human.count(len(found), 'file')} ({total}) of other engines on {where}?"
        confirm(OPERATION, question + " Only if those engines are gone.", yes)
        found = asyncio.run(_removed(access, found, seconds, failures))
        _record(access, found, clock)
    if json_output:
        output.json_value([json_views.plain(one) for one in found])
    else:
        output.table(_COLUMNS, [_cells(one) for one in found])
    for failure in failures:
        output.note(str(failure))
    stayed = any(one.removed is False for one in found)
    return ExitCode.BAD_ANSWER if failures or stayed else ExitCode.DONE


def _seconds(older_than: str | None, remove: bool) -> float:
    from engine.integrity.leftovers import UNTOUCHED_SECONDS

    if older_than is None:
        if not remove:
            return UNTOUCHED_SECONDS
        cause = "how old they must be was not said"
        raise SyncdeckError(OPERATION, "without an age", cause, "add --older-than 7d", ErrorClass.CONFIG)
    try:
        seconds = parse_duration(older_than)
    except ValueError as error:
        raise SyncdeckError(OPERATION, older_than, str(error), "such as --older-than 7d", ErrorClass.CONFIG) from error
    if seconds < UNTOUCHED_SECONDS:
        cause = "files of the last day may be in use"
        raise SyncdeckError(OPERATION, older_than, cause, "name an age of a day or more", ErrorClass.CONFIG)
    return seconds


async def _on_all(
    access: FleetAccess, nodes: tuple[str, ...], seconds: float, clock: Clock
) -> tuple[list[Leftover], list[SyncdeckError]]:
    from engine.remote.connect import open_session
    from engine.store.peek import engine_id_of

    own = await asyncio.to_thread(engine_id_of, access.state_dir)
    found: list[Leftover] = []
    failures: list[SyncdeckError] = []
    for node in nodes:
        try:
            session = await open_session(access.fleet.endpoint(node), access.ssh)
            try:
                found += await _on(access, node, session, clock.now())
            finally:
                await session.close()
        except SyncdeckError as error:
            failures.append(error)
    places = {(one.node, one.path) for one in found}
    old = [one for one in found if one.engine != own and one.age_seconds >= seconds]
    chosen = [one for one in old if not _goes_with_another(one, places)]
    return sorted(chosen, key=lambda one: (one.node, -one.age_seconds)), failures


def _goes_with_another(one: Leftover, places: set[tuple[str, str]]) -> bool:
    """Return whether it only tells of a file that is there as well: it goes with that, and stays with that."""
    from engine.integrity.temporary import owner_of

    owner = owner_of(one.path)
    return owner != one.path and (one.node, owner) in places


async def _on(access: FleetAccess, node: str, session: AgentSession, now: float) -> list[Leftover]:
    from engine.integrity.temporary import parse_temporary

    roots = access.fleet.scan_roots(node)
    places = {(status.location, status.root): status.path for status in await session.usage(roots)}
    found = []
    async for batch in session.scan(roots):
        for one in batch.temporaries:
            name = parse_temporary(one.path)
            if name is not None:
                path = f"{places[one.location, one.root]}/{one.path}"
                found.append(Leftover(node, path, name.engine_id, one.size_bytes, now - one.mtime))
    return found


async def _removed(
    access: FleetAccess, found: list[Leftover], seconds: float, failures: list[SyncdeckError]
) -> list[Leftover]:
    """Return what became of each; a node that is lost now keeps its files, and its failure is added."""
    from engine.remote.connect import open_session

    told: list[Leftover] = []
    for node in dict.fromkeys(one.node for one in found):
        ours = [one for one in found if one.node == node]
        try:
            session = await open_session(access.fleet.endpoint(node), access.ssh)
            try:
                reasons = await session.discard_old([one.path for one in ours], seconds)
            finally:
                await session.close()
        except SyncdeckError as error:
            failures.append(error)
            reasons = [error.cause] * len(ours)
        told += [replace(one, removed=not reason, reason=reason) for one, reason in zip(ours, reasons, strict=True)]
    return told


def _record(access: FleetAccess, found: list[Leftover], clock: Clock) -> None:
    for one in found:
        if one.removed:
            detail: dict[str, object] = {"path": one.path, "size_bytes": one.size_bytes, "engine": one.engine}
            audit.record(access.state_dir, clock, "leftover removed", one.node, detail)


def _cells(one: Leftover) -> tuple[str, ...]:
    outcome = "" if one.removed is None else "removed" if one.removed else one.reason
    return one.node, one.engine, human.span(one.age_seconds), human.size(one.size_bytes), one.path, outcome
