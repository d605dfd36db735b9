"""Levers of the other desks: rules edited and taken back, games counted and believed, nodes saved and emptied."""

from __future__ import annotations

from collections.abc import Sequence

from engine.locations import node_of
from engine.model import ReplicaState
from engine.views import SyncRequest
from engine.views_rules import RuleDraft
from tests.model.operators import sync
from tests.model.stage import Doing, Stage
from tests.model.world import NODES

COUNTING_SECONDS = 3_700.0
"""What is written all the time is counted again only after a while."""
RESCUE_SECONDS = 15.0
NAMES = ("first", "second", "third")
SELECTORS = ("durable", "node=nas-1", "ephemeral", "external", "node=mac-1 | node=vast-2")


# The rules desk.


async def change_rules(stage: Stage, picks: Sequence[int]) -> None:
    """A script of the users writes the file anew; the engine follows it."""
    stage.world.configuration.rewrite(picks[0])
    stage.world.follow()
    stage.rules.check()


async def edit_rule(stage: Stage, picks: Sequence[int]) -> None:
    """The operator tries a rule and saves it, new or changed; or takes one out. At times a script is faster."""
    desk, configuration = stage.world.engine.rules, stage.world.configuration
    name, selector = NAMES[picks[0] % len(NAMES)], SELECTORS[picks[1] % len(SELECTORS)]
    replaces = name if name in stage.rules.rules else None
    gone = replaces is not None and picks[2] % 4 == 0
    text = f"name: {name}\nmatch: {{data_type: games, path: 'g{picks[0] % 2}*'}}\nplace: {selector}\n"
    draft = RuleDraft("" if gone else text, replaces)
    digest = (await desk.rules()).digest
    if not gone:
        await desk.check_rule(draft)
    if picks[2] % 3 == 0:
        configuration.rewrite(picks[1])
    stage.rules.begin()
    result = await desk.save_rule(draft, digest)
    assert result.outcome in ("saved", "merged"), result
    stage.rules.saved(name, None if gone else selector)
    _check_rules(stage)


async def undo_rules(stage: Stage, picks: Sequence[int]) -> None:
    """The operator takes the last edit of a rule back."""
    if stage.rules.undoable:
        result = await stage.world.engine.rules.undo_rules()
        assert result.outcome in ("saved", "merged"), result
        stage.rules.undone()
        _check_rules(stage)


def _check_rules(stage: Stage) -> None:
    stage.rules.check()
    stage.rules.check_in_force(stage.world.engine.known.policy.digest)


# Games.


async def counted(stage: Stage) -> bool:
    """Every database's games are counted where it lies; return whether nothing went wrong meanwhile."""
    world = stage.world
    world.fleet.clock.advance(COUNTING_SECONDS)
    if not await stage.look() or not await world.run(world.engine.games.once()) or world.fleet.sprung is not None:
        return False
    await stage.truth.check_superseded()
    return True


async def count_games(stage: Stage, picks: Sequence[int]) -> None:
    await counted(stage)


async def believe_superseded(stage: Stage, picks: Sequence[int]) -> None:
    """An operator reads that all games of a database are in others, and removes every copy of it by hand."""
    if not await counted(stage):
        return
    rows = (await stage.world.engine.archive.desk.candidates(None, 0, 500, "")).rows
    keys = {row.key for row in rows if any(why.startswith("superseded") for why in row.reasons)}
    worth = (ReplicaState.CURRENT, ReplicaState.ARCHIVED)
    chosen = [
        entry
        for entry in await stage.entries()
        if str(entry.key) in keys and all(r.state in worth and not r.changed for r in entry.replicas)
    ]
    if not chosen:
        return
    entry = chosen[picks[0] % len(chosen)]
    for replica in entry.replicas:
        node = stage.world.fleet.nodes[node_of(replica.location)]
        # An archive that somebody takes away is not missed before it is read again.
        if replica.state is not ReplicaState.ARCHIVED and node.up and node.find(replica.path) is not None:
            stage.removed(node, replica.path)
    stage.truth.check_games()


# Nodes that may go.


async def emergency(stage: Stage, picks: Sequence[int]) -> None:
    """The operator has nodes saved: those that may vanish, or one."""
    nodes = ((), ("vast-1",), ("vast-2",), ("nas-1",))[picks[0] % 4]
    request = SyncRequest(emergency=True, nodes=nodes, allow_fill=bool(picks[1] % 2))
    stage.world.fleet.clock.advance(1.0)  # No two begin at once.
    if await stage.look():
        begun = stage.world.fleet.clock.now()
        if await stage.world.run(stage.world.begin_emergency(request)):
            views = await stage.world.engine.nodes.list_rescues()
            for view in views:
                if view.kind == "emergency" and view.started_at == begun:
                    answering = [name for name in view.nodes if stage.world.fleet.nodes[name].up]
                    stage.rescues.begin(view.nodes, begun, answering)


async def drain(stage: Stage, picks: Sequence[int]) -> None:
    """A node is to be switched off."""
    await stage.world.run(stage.world.engine.nodes.drain(NODES[picks[0] % len(NODES)]))


async def drain_cancel(stage: Stage, picks: Sequence[int]) -> None:
    """It is not any more: neither this one nor another."""
    for view in await stage.world.engine.nodes.list_rescues():
        if view.kind == "drain" and view.state != "done":
            await stage.world.run(stage.world.engine.nodes.drain_cancel(view.nodes[0]))


async def look_after(stage: Stage, picks: Sequence[int]) -> None:
    """Rescues are looked after, right after a look at every node; what they say then must be so."""
    world = stage.world
    world.fleet.clock.advance(RESCUE_SECONDS)
    if not await stage.look() or not await world.run(world.engine.nodes.rescues.look()):
        return
    nodes = world.fleet.nodes.values()
    if world.fleet.sprung is None and all(node.up and all(node.mounted.values()) for node in nodes):
        stage.rescues.check(await world.engine.nodes.list_rescues())


async def rescue(stage: Stage, picks: Sequence[int]) -> None:
    """A node is saved or emptied from begin to end, as far as it goes."""
    await (drain if picks[2] % 2 else emergency)(stage, picks)
    for _ in range(2):
        await look_after(stage, picks)
        await sync(stage, picks)
    await look_after(stage, picks)


DESKS: dict[str, tuple[int, Doing]] = {
    "change_rules": (2, change_rules),
    "edit_rule": (2, edit_rule),
    "undo_rules": (1, undo_rules),
    "count_games": (1, count_games),
    "believe_superseded": (1, believe_superseded),
    "emergency": (1, emergency),
    "drain": (1, drain),
    "drain_cancel": (1, drain_cancel),
    "look_after": (2, look_after),
    "rescue": (2, rescue),
}
"""Each with how often it happens among all others."""

__all__ = ["DESKS"]
