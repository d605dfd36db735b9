"""Writers and accidents: what happens to a model fleet without the engine."""

from __future__ import annotations

from collections.abc import Sequence

from engine.model import ReplicaState
from tests.model.configuration import DRIVE, ROOT
from tests.model.disk import ModelNode, Trap, unpacked
from tests.model.games import merged
from tests.model.stage import Doing, Stage
from tests.model.truth import is_data
from tests.model.world import DAY_SECONDS, DURABLE

PATIENCE_SECONDS = 7_200.0
GAMES = 997
"""So many different ones are played."""
STRAY_PLACES = (
    ("nas-1", f"{ROOT}/data/games"),
    ("mac-1", f"{DRIVE}/selfplay_repository"),
    ("vast-1", f"{ROOT}/data/games"),
)


async def write_new(stage: Stage, picks: Sequence[int]) -> None:
    """A node begins a database, or goes on with one of that name."""
    node = stage.node(picks[0])
    path = f"{node.root}/data/games/g{picks[1] % 3}.db"
    if node.up and (node.name, path) not in stage.written:
        games = "".join(f"game {(picks[2] + number) % GAMES}\n" for number in range(1 + picks[2] % 3))
        stage.write(node, path, f"{node.name} {picks[1] % 3}\n{games}".encode())


async def append(stage: Stage, picks: Sequence[int]) -> None:
    """A node plays on."""
    chosen = stage.a_written(picks[0])
    if chosen is not None:
        node, path = chosen
        stage.write(node, path, node.files[path].data + f"game {picks[1] % GAMES}\n".encode())


async def recycle(stage: Stage, picks: Sequence[int]) -> None:
    """A rented box is lost with its disk; another one under its name begins a database of the same name anew."""
    there = [(stage.world.fleet.nodes[name], path) for name, path in sorted(stage.written)]
    rented = [(node, path) for node, path in there if not node.durable and node.up and path in node.files]
    if not rented:
        return
    node, path = rented[picks[0] % len(rented)]
    begins, games = node.files[path].data.splitlines(keepends=True)[0], 1 + picks[1] % 12
    lose_disk(stage, node)
    played = "".join(f"game {(picks[2] + 7 * number) % GAMES}\n" for number in range(games))
    stage.write(node, path, begins + played.encode())


async def shrink(stage: Stage, picks: Sequence[int]) -> None:
    """A writer loses the end of its database: what is larger elsewhere must stay."""
    chosen = stage.a_written(picks[0])
    if chosen is not None:
        node, path = chosen
        stage.write(node, path, node.files[path].data[:-3])


async def merge_games(stage: Stage, picks: Sequence[int]) -> None:
    """A node whose disk lasts merges the games of some database into a canonical one, often without their moves."""
    sources = [
        file.data
        for node in stage.world.fleet.nodes.values()
        for path, file in sorted(node.files.items())
        if is_data(path) and "canonical" not in path and node.up and node.sees(path)
    ]
    node = stage.world.fleet.nodes[DURABLE[picks[0] % len(DURABLE)]]
    if sources and node.up:
        path = f"{node.root}/data/games/canonical_{node.name}.db"
        before = node.files[path].data if path in node.files else f"{node.name} canonical\n".encode()
        stage.write(node, path, before + merged(sources[picks[1] % len(sources)], (0, 1, 2)[picks[2] % 3]))


async def stray(stage: Stage, picks: Sequence[int]) -> None:
    """Somebody puts another file where a copy of a known entry lies or would lie."""
    for entry in await stage.entries():
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
        stage.truth.tampered[(node.name, path)] = unpacked(node.files[path].data)
        node.damage(path, silently=False)


async def rot_archive(stage: Stage, picks: Sequence[int]) -> None:
    """A byte of an archive changes without a trace, days before anybody asks for it."""
    found = stage.archives()
    if found:
        node, path = found[picks[0] % len(found)]
        stage.truth.rotten[(node.name, path)] = unpacked(node.files[path].data)
        node.damage(path, silently=True)
        stage.world.fleet.clock.advance(2 * DAY_SECONDS)


async def spoil_drive(stage: Stage, picks: Sequence[int]) -> None:
    """One of the next files that a node writes arrives damaged."""
    stage.node(picks[0]).spoils_writing = 1 + picks[1] % 3


async def die(stage: Stage, picks: Sequence[int]) -> None:
    """A node falls silent; one time in three a rented one is gone with its disk."""
    node = stage.node(picks[0])
    node.up = False
    if not node.durable and picks[1] % 3 == 0:
        lose_disk(stage, node)


def lose_disk(stage: Stage, node: ModelNode) -> None:
    """Have all that a node holds be gone for good."""
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


OUTSIDE: dict[str, tuple[int, Doing]] = {
    "write_new": (6, write_new),
    "append": (4, append),
    "recycle": (2, recycle),
    "shrink": (1, shrink),
    "merge_games": (2, merge_games),
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
"""Each with how often it happens among all others."""

__all__ = ["OUTSIDE"]
