"""The engine's own work, and the levers of its archive and queue as an operator pulls them."""

from __future__ import annotations

from collections.abc import Sequence

from engine.archive.values import ArchiveState
from engine.model import ReplicaState, TransferState
from engine.views_archive import ArchiveRequest, RestoreRequest
from engine.views_keeping import KeepRequest
from tests.model.stage import Doing, Stage


async def look(stage: Stage, picks: Sequence[int]) -> None:
    if await stage.look():
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
    entries = await stage.entries()
    places = [
        (entry.key, replica.location)
        for entry in entries
        for replica in entry.replicas
        if replica.state is not ReplicaState.ARCHIVED
    ]
    if places:
        # Half of the time what was found last: something else happens to it before its archive is made.
        key, location = places[-1] if picks[0] % 2 else places[picks[0] % len(places)]
        elsewhere = (None, None, "nas-1", "mac-1", "vast-1")[picks[1] % 5]
        codec = ("zstd", "gzip")[picks[2] % 2]  # No node of the model has zstd.
        request = ArchiveRequest((str(key),), location, elsewhere, codec, delete_original=bool(picks[2] % 4))
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


async def cancel(stage: Stage, picks: Sequence[int]) -> None:
    """The operator gives up a transfer and an archive."""
    queue = stage.world.engine.tools.queue
    waiting = await queue.in_state(TransferState.QUEUED)
    if waiting:
        await queue.cancel([waiting[picks[1] % len(waiting)].id])
    await stage.world.run(stage.world.engine.archive.desk.cancel((1 + picks[0] % 4,)))


async def keep_both(stage: Stage, picks: Sequence[int]) -> None:
    """The operator has everything, or what a node has, kept under names of its own where it is in the way."""
    nodes = () if picks[0] % 2 else (stage.node(picks[1]).name,)
    await stage.world.run(stage.world.engine.keeping.keep(KeepRequest(nodes=nodes)))
    stage.kept += stage.truth.note_kept()


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
    "cancel": (1, cancel),
    "restart": (2, restart),
}
"""Each with how often it happens among all others."""

KEEPING: dict[str, tuple[int, Doing]] = {"keep_both": (0, keep_both)}
"""Only where a schedule dwells on it: so the schedules that once found a fault stay what they were."""

__all__ = ["ENGINE", "KEEPING"]
