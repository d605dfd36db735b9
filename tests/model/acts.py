"""Schedules of what may happen to a model fleet, one act at a time, and the checks that follow each."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.model.accidents import OUTSIDE
from tests.model.desks import DESKS
from tests.model.operators import ENGINE, KEEPING
from tests.model.rescued import RescueTruth
from tests.model.ruled import RulesTruth
from tests.model.stage import Act, Doing, Stage
from tests.model.truth import Truth
from tests.model.world import ModelWorld, new_fleet

MEMORY = Path("/dev/shm")
"""Where there is one: the store flushes every commit, and these disks are made up anyway."""
ALL: dict[str, tuple[int, Doing]] = ENGINE | DESKS | OUTSIDE | KEEPING
BEGINNING = (Act("write_new", (0, 0, 1)), Act("write_new", (1, 1, 0)), Act("sync", (0, 0, 0)))


MOTIFS: tuple[tuple[str, ...], ...] = (
    ("spoil_drive", "archive"),
    ("ask_archive", "change_rules", "sync", "work"),
    ("write_new", "look", "ask_archive", "plan", "move", "work"),
    ("archive", "rot_archive", "archive"),
    ("archive", "damage_archive", "verify"),
    ("sync", "stray", "sync", "append", "wait", "sync"),
    ("sync", "shrink", "wait", "sync"),
    ("sync", "shrink", "append", "append", "wait", "sync"),
    ("sync", "recycle", "wait", "sync", "append", "wait", "sync"),
    ("sync", "set_trap", "recycle", "wait", "sync", "look"),
    ("set_trap", "archive", "look"),
    ("set_trap", "sync", "sync"),
    ("archive", "die", "look", "restore"),
    ("archive", "restore", "archive"),
    ("archive", "undo", "move", "archive", "wait", "verify"),
    ("write_new", "sync", "merge_games", "sync", "believe_superseded"),
    ("edit_rule", "sync", "change_rules", "undo_rules", "sync"),
    ("write_new", "rescue", "append", "look_after"),
    ("die", "rescue", "come_back", "look_after"),
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
        truth = Truth(world)
        stage = Stage(world, truth, RulesTruth(world.configuration), RescueTruth(truth))
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
    truth, before = stage.truth, stage.truth.snapshot()
    await ALL[act.name][1](stage, act.picks)
    truth.check_heard()
    if act.name not in OUTSIDE:
        truth.check_kept(before)
    truth.check_strays()
    truth.check_transfers()
    truth.check_failed_archives()
    await truth.check_catalog()


__all__ = ["Act", "Stage", "play", "schedule"]
