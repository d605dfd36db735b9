"""Small makers of queue values for tests."""

from __future__ import annotations

from engine.model import Attempt, SyncPriority, Transfer, TransferState, Transport
from engine.queue.queue import NewTransfer, TransferQueue
from tests.catalog.samples import games

S = TransferState
TO_DONE = (S.SNAPSHOTTING, S.TRANSFERRING, S.VERIFYING, S.PUBLISHING, S.DONE)


def new(
    name: str = "a.db",
    target: str = "mac-studio",
    source: str = "vast-1",
    priority: SyncPriority = SyncPriority.NORMAL,
    deadline: float | None = None,
    size: int = 100,
    emergency: bool = False,
) -> NewTransfer:
    return NewTransfer(
        games(name), source, target, priority, "fewer copies than wanted", "default", 7, (Transport.RSYNC,), deadline,
        size, None, emergency,
    )  # fmt: skip


def attempt(transfer_id: int, number: int = 1, at: float = 10.0, success: bool = True, size: int = 100) -> Attempt:
    steps = (("claimed", at - 1),)
    return Attempt(transfer_id, number, at - 1, at, Transport.RSYNC, success, size, size // 2, None, None, None, steps)


async def claimed(queue: TransferQueue, *wanted: NewTransfer, run: str = "run-1") -> list[Transfer]:
    """Enqueue and claim."""
    await queue.enqueue(wanted)
    return await queue.claim(run, limit=len(wanted))


async def done(queue: TransferQueue, wanted: NewTransfer) -> int:
    """Carry a transfer through every state to done."""
    (transfer,) = await claimed(queue, wanted)
    for state in TO_DONE:
        await queue.transition(transfer.id, state, "as it should")
    return transfer.id
