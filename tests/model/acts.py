"""What may happen to a model fleet: writers, accidents, operators and the engine, one act at a time, and the checks
that follow each."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.archive.values import ArchiveState
from engine.model import DataEntry, ReplicaState, TransferState
from engine.views_archive import ArchiveRequest, RestoreRequest
from tests.model.disk import ModelNode, Trap
from tests.model.truth import ARCHIVES, Truth
from tests.model.world import DAY_SECONDS, DRIVE, ROOT, ModelWorld, new_fleet, policies

MEMORY = Path("/dev/shm")
"""Where there is one: the store flushes every commit, and these disks are made up anyway."""
PATIENCE_SECONDS = 7_200.0
STRAY_PLACES = (
    ("nas-1", f"{ROOT}/data/games"),
    ("mac-1", f"{DRIVE}/selfplay_repository"),
    ("vast-1", f"{ROOT}/data/games"),
)


@dataclass(frozen=True)
class Act:
    """One thing that happens; ``picks`` choose among what there is then."""

    name: str
    picks: tuple[int, ...]


@dataclass
class Stage:
    """A world while a schedule is played on it."""

    world: ModelWorld
    truth: Truth
    written: dict[tuple[str, str], list[bytes]] = field(default_factory=dict)
    """By (node, path): all that its own writer ever wrote there, in order."""

    def node(self, pick: int) -> ModelNode:
        nodes = list(self.world.fleet.nodes.values())
        return nodes[pick % len(nodes)]

    def a_written(self, pick: int) -> tuple[ModelNode, str] | None:
        """Return one of the files that a node writes itself, of those that are there."""
        there = [
            (self.world.fleet.nodes[name], path)
            for name, path in self.written
            if self.world.fleet.nodes[name].find(path) is not None and self.world.fleet.nodes[name].up
        ]
        return there[pick % len(there)] if there else None

    def archives(self) -> list[tuple[ModelNode, str]]:
        """Return the archives that can be looked at."""
        return [
            (node, path)
            for node in self.world.fleet.nodes.values()
            for path in sorted(node.files)
            if ARCHIVES in path and path.endswith(".gz") and ".syncdeck-" not in path and node.sees(path)
        ]


Doing = Callable[[Stage, Sequence[int]], Awaitable[None]]


# Writers and accidents.


async def write_new(stage: Stage, picks: Sequence[int]) -> None:
    """A node begins a database, or goes on with one of that name."""
    node = stage.node(picks[0])
    path = f"{node.root}/data/games/g{picks[1] % 3}.db"
    if node.up and (node.name, path) not in stage.written:
        _write(stage, node, path, f"{node.name} {picks[1] % 3}\n".encode() + b"game 0\n" * (1 + picks[2] % 3))


async def append(stage: Stage, picks: Sequence[int]) -> None:
    """A node plays on."""
    chosen = stage.a_written(picks[0])
    if chosen is not None:
        node, path = chosen
        _write(stage, node, path, node.files[path].data + f"game {picks[1] % 97}\n".encode())


async def shrink(stage: Stage, picks: Sequence[int]) -> None:
    """A writer loses the end of its database: what is larger elsewhere must stay."""
    chosen = stage.a_written(picks[0])
    if chosen is not None:
        node, path = chosen
        _write(stage, node, path, node.files[path].data[:-3])


async def stray(stage: Stage, picks: Sequence[int]) -> None:
    """Somebody puts another file where a copy of a known entry lies or would lie."""
    for entry in await _entries(stage):
        name, folder = STRAY_PLACES[picks[0] % len(STRAY_PLACES)]
        node = stage.world.fleet.nodes[name]
        path = f"{folder}/synced/{entry.key.origin}/{entry.key.path}"
        copied = sum(r.state is ReplicaState.CURRENT for r in entry.replicas) > 1
        origin = stage.world.fleet.nodes[entry.key.origin]
        if copied and node is not origin and node.up and (node.name, path) not in stage.truth.strays:
            stage.truth.versions -= {node.files[path].data} if path in node.files else set()
            data = f"stray {picks[1]}\n".encode()
            stage.truth.strays[(node.name, path)] = node.write(path, data).data
            return


async def damage_archive(stage: Stage, picks: Sequence[int]) -> None:
    """A byte of an archive changes, and its time with it."""
    found = stage.archives()
    if found:
        node, path = found[picks[0] % len(found)]
        node.damage(path, silently=False)
        stage.truth.tampered.add((node.name, path))


async def rot_archive(stage: Stage, picks: Sequence[int]) -> None:
    """A byte of an archive changes without a trace, days before anybody asks for it."""
    found = stage.archives()
    if found:
        node, path = found[picks[0] % len(found)]
        node.damage(path, silently=True)
        stage.truth.rotten.add((node.name, path))
        stage.world.fleet.clock.advance(2 * DAY_SECONDS)


async def spoil_drive(stage: Stage, picks: Sequence[int]) -> None:
    """One of the next files that a node writes arrives damaged."""
    stage.node(picks[0]).spoils_writing = 1 + picks[1] % 3


async def die(stage: Stage, picks: Sequence[int]) -> None:
    """A node falls silent; one time in three a rented one is gone with its disk."""
    node = stage.node(picks[0])
    node.up = False
    if not node.durable and picks[1] % 3 == 0:
        node.files.clear()
        for place in [place for place in stage.written if place[0] == node.name]:
            del stage.written[place]
        for place in [place for place in stage.truth.strays if place[0] == node.name]:
            del stage.truth.strays[place]


async def come_back(stage: Stage, picks: Sequence[int]) -> None:
    for node in stage.world.fleet.nodes.values():
        node.up = True


async def pull_drive(stage: Stage, picks: Sequence[int]) -> None:
    """The drive is unmounted, or mounted again."""
    node = stage.world.fleet.nodes["mac-1"]
    node.mounted[DRIVE] = not node.mounted[DRIVE]


async def wait(stage: Stage, picks: Sequence[int]) -> None:
    stage.world.fleet.clock.advance(PATIENCE_SECONDS if picks[0] % 3 else 2 * DAY_SECONDS)


async def set_trap(stage: Stage, picks: Sequence[int]) -> None:
    """Something will go wrong in the middle of what the engine does next."""
    kinds = ("kill", "kill", "lose", "fail", "cancel")
    stage.world.fleet.trap = Trap(kinds[picks[0] % len(kinds)], 1 + picks[1] % 40)


# The operator and the engine.


async def look(stage: Stage, picks: Sequence[int]) -> None:
    if await stage.world.run(stage.world.look()) and stage.world.fleet.sprung is None:
        await stage.truth.check_looked()


async def plan(stage: Stage, picks: Sequence[int]) -> None:
    await stage.world.run(stage.world.plan())


async def move(stage: Stage, picks: Sequence[int]) -> None:
    await stage.world.run(stage.world.move(1 + picks[0] % 4))


async def sync(stage: Stage, picks: Sequence[int]) -> None:
    """A whole cycle: look, plan, move."""
    for step in (stage.world.look, stage.world.plan, lambda: stage.world.move(6)):
        if not await stage.world.run(step()):
            return


async def ask_archive(stage: Stage, picks: Sequence[int]) -> None:
    """The operator has a copy archived and its original deleted, or only archived."""
    entries = await _entries(stage)
    places = [
        (entry.key, replica.location)
        for entry in entries
        for replica in entry.replicas
        if replica.state is not ReplicaState.ARCHIVED
    ]
    if places:
        key, location = places[picks[0] % len(places)]
        elsewhere = (None, None, "nas-1", "mac-1", "vast-1")[picks[1] % 5]
        request = ArchiveRequest((str(key),), location, elsewhere, delete_original=bool(picks[2] % 4), codec="gzip")
        await stage.world.run(stage.world.engine.archive.desk.run(request))


async def work(stage: Stage, picks: Sequence[int]) -> None:
    await stage.world.run(stage.world.engine.archive.worker.drain())


async def archive(stage: Stage, picks: Sequence[int]) -> None:
    """The same in one go."""
    await ask_archive(stage, picks)
    await work(stage, picks)


async def verify(stage: Stage, picks: Sequence[int]) -> None:
    """Every archive is read in full; from then on no damaged one counts."""
    if await stage.world.run(stage.world.engine.archive.desk.verify(())):
        stage.truth.tampered.clear()
        stage.truth.rotten.clear()


async def drill(stage: Stage, picks: Sequence[int]) -> None:
    await stage.world.run(stage.world.engine.archive.desk.drill(2))


async def restore(stage: Stage, picks: Sequence[int]) -> None:
    records = stage.world.engine.archive.records
    sound = await records.in_state((ArchiveState.VERIFIED,))
    if sound:
        chosen = sound[picks[0] % len(sound)]
        target = (None, None, "nas-1", "vast-2")[picks[1] % 4]
        await stage.world.run(stage.world.engine.archive.desk.restore(RestoreRequest((chosen.id,), target)))
        await stage.world.run(stage.world.move(2))


async def undo(stage: Stage, picks: Sequence[int]) -> None:
    await stage.world.run(stage.world.engine.archive.desk.undo())


async def change_rules(stage: Stage, picks: Sequence[int]) -> None:
    known = policies()
    stage.world.use(known[picks[0] % len(known)])


async def cancel(stage: Stage, picks: Sequence[int]) -> None:
    """The operator gives up a transfer and an archive."""
    queue = stage.world.engine.tools.queue
    waiting = await queue.in_state(TransferState.QUEUED)
    if waiting:
        await queue.cancel([waiting[picks[1] % len(waiting)].id])
    await stage.world.run(stage.world.engine.archive.desk.cancel((1 + picks[0] % 4,)))


async def restart(stage: Stage, picks: Sequence[int]) -> None:
    await stage.world.restart()


ENGINE: dict[str, tuple[int, Doing]] = {
    "look": (4, look),
    "plan": (2, plan),
    "move": (4, move),
    "sync": (6, sync),
    "ask_archive": (4, ask_archive),
    "work": (4, work),
    "archive": (8, archive),
    "verify": (3, verify),
    "drill": (1, drill),
    "restore": (3, restore),
    "undo": (1, undo),
    "change_rules": (2, change_rules),
    "cancel": (1, cancel),
    "restart": (2, restart),
}
OUTSIDE: dict[str, tuple[int, Doing]] = {
    "write_new": (6, write_new),
    "append": (4, append),
    "shrink": (1, shrink),
    "stray": (2, stray),
    "damage_archive": (2, damage_archive),
    "rot_archive": (2, rot_archive),
    "spoil_drive": (2, spoil_drive),
    "die": (2, die),
    "come_back": (4, come_back),
    "pull_drive": (1, pull_drive),
    "wait": (3, wait),
    "set_trap": (6, set_trap),
}
ALL = ENGINE | OUTSIDE
BEGINNING = (Act("write_new", (0, 0, 1)), Act("write_new", (1, 1, 0)), Act("sync", (0, 0, 0)))


MOTIFS: tuple[tuple[str, ...], ...] = (
    ("spoil_drive", "archive"),
    ("ask_archive", "change_rules", "sync", "work"),
    ("write_new", "look", "ask_archive", "plan", "move", "work"),
    ("archive", "rot_archive", "archive"),
    ("archive", "damage_archive", "verify"),
    ("sync", "stray", "sync", "append", "wait", "sync"),
    ("sync", "shrink", "wait", "sync"),
    ("set_trap", "archive", "look"),
    ("set_trap", "sync", "sync"),
    ("archive", "die", "look", "restore"),
    ("archive", "restore", "archive"),
)
"""What tends to go wrong together; between them anything happens."""


def schedule(seed: int, length: int, dwell_on: Sequence[str] = ()) -> tuple[Act, ...]:
    """Return at least so many acts in a random order, the same for a seed; ``dwell_on`` comes again and again."""
    chance = random.Random(seed)
    names, weights = list(ALL), [weight for weight, _ in ALL.values()]
    chosen: list[str] = []
    while len(chosen) < length:
        if dwell_on and chance.random() < 0.3:
            chosen += dwell_on
        else:
            chosen += chance.choice(MOTIFS) if chance.random() < 0.2 else chance.choices(names, weights)
    same = [chance.randrange(1 << 16) for _ in range(3)]

    def picks() -> tuple[int, ...]:
        # Now and then the same again: what happened to a file happens to it once more.
        return tuple(pick if chance.random() < 0.3 else chance.randrange(1 << 16) for pick in same)

    return (*BEGINNING, *(Act(name, picks()) for name in chosen))


async def play(acts: Sequence[Act]) -> Stage:
    """Let acts happen one after the other, checking after each; raises Broken with the act that broke something."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        world = ModelWorld(new_fleet(), Path(folder))
        stage = Stage(world, Truth(world))
        await world.start()
        try:
            for number, act in enumerate(acts):
                try:
                    await perform(stage, act)
                except AssertionError as error:
                    error.add_note(f"act {number} of {[f'{a.name}{a.picks}' for a in acts[: number + 1]]}")
                    raise
        finally:
            await world.close()
    return stage


async def perform(stage: Stage, act: Act) -> None:
    """Let one act happen; what the engine did must have kept every promise."""
    truth, before = stage.truth, stage.truth.counts()
    await ALL[act.name][1](stage, act.picks)
    truth.check_heard()
    if act.name in ENGINE:
        truth.check_kept(before)
    truth.check_strays()
    truth.check_transfers()
    truth.check_failed_archives()
    await truth.check_catalog()


def _write(stage: Stage, node: ModelNode, path: str, data: bytes) -> None:
    """Have a writer write; what no longer begins like it is no version that anybody keeps from then on."""
    data = node.write(path, data).data
    history = stage.written.setdefault((node.name, path), [])
    given_up = {old for old in history if not data.startswith(old) and not old.startswith(data)}
    stage.truth.versions -= given_up
    history.append(data)
    stage.truth.versions.add(data)


async def _entries(stage: Stage) -> list[DataEntry]:
    page = await stage.world.engine.tools.catalog.iter_entries(0, 500)
    return [entry for _, entry in page]


__all__ = ["Act", "Stage", "play", "schedule"]
