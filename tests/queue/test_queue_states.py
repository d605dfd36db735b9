"""The state machine: what may follow what, and that the queue takes no other edge."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.clock import ManualClock
from engine.model import LIVE_STATES, RUNNING_STATES, TransferState
from engine.queue.errors import IllegalEdge, UnknownTransfer
from engine.queue.queue import TransferQueue
from engine.queue.states import CLAIMABLE_STATES, EDGES, FINAL_STATES, RELEASABLE_STATES, may
from engine.store.store import Store
from tests.queue.samples import claimed, new

S = TransferState


def reachable(state: TransferState) -> set[TransferState]:
    found, open_ends = {state}, [state]
    while open_ends:
        for after in EDGES[open_ends.pop()] - found:
            found.add(after)
            open_ends.append(after)
    return found


def test_every_state_has_its_edges_written_down() -> None:
    assert set(EDGES) == set(TransferState)


@pytest.mark.parametrize("state", sorted(LIVE_STATES))
def test_every_live_state_leads_to_done_and_can_be_cancelled_blocked_and_failed(state: TransferState) -> None:
    assert S.DONE in reachable(state)
    assert {S.CANCELLED, S.FAILED} <= EDGES[state]
    assert state is S.BLOCKED or S.BLOCKED in EDGES[state]


@pytest.mark.parametrize("state", sorted(RUNNING_STATES))
def test_a_killed_engine_can_put_back_whatever_ran(state: TransferState) -> None:
    assert may(state, S.QUEUED) and may(state, S.RETRY_AT)


def test_only_verified_content_is_ever_published_or_done() -> None:
    before_done = {state for state in TransferState if may(state, S.DONE)}
    assert S.TRANSFERRING not in before_done and S.QUEUED not in before_done


def test_done_is_the_end_and_the_other_ends_only_lead_back_to_the_queue() -> None:
    assert EDGES[S.DONE] == frozenset()
    assert all(EDGES[state] == {S.QUEUED} for state in FINAL_STATES - {S.DONE})


def test_what_can_be_claimed_or_released_may_take_that_edge() -> None:
    assert all(may(state, S.CLAIMED) for state in CLAIMABLE_STATES)
    assert all(may(state, S.QUEUED) for state in RELEASABLE_STATES)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(sorted(TransferState)), min_size=1, max_size=25))
def test_the_queue_takes_exactly_the_edges_of_the_table(walk: list[TransferState]) -> None:
    asyncio.run(_walk(walk))


async def _walk(walk: list[TransferState]) -> None:
    with TemporaryDirectory() as folder:
        store = await Store.open(Path(folder) / "state.db")
        try:
            queue = TransferQueue(store, ManualClock())
            (transfer_id,) = await queue.enqueue([new()])
            state, taken = S.QUEUED, [S.QUEUED]
            for wanted in walk:
                if may(state, wanted):
                    state = (await queue.transition(transfer_id, wanted, "walk")).state
                    taken.append(state)
                else:
                    with pytest.raises(IllegalEdge):
                        await queue.transition(transfer_id, wanted, "walk")
            found = await queue.get(transfer_id)
            history = await queue.history(transfer_id)
            assert found is not None and found.state is taken[-1]
            assert [edge.to_state for edge in history] == taken
            assert [edge.from_state for edge in history] == [None, *taken[:-1]]
            assert (found.finished_at is not None) == (state in FINAL_STATES)
            assert ((str(found.key), found.target) in await queue.live()) == (state in LIVE_STATES)
        finally:
            await store.close()


async def test_every_edge_keeps_when_why_and_the_evidence(queue: TransferQueue, clock: ManualClock) -> None:
    (transfer,) = await claimed(queue, new())
    clock.advance(5.0)
    await queue.transition(transfer.id, S.TRANSFERRING, "42 MB to send", evidence="sha256 abc", temp_path="/x/.a.part")
    edge = (await queue.history(transfer.id))[-1]
    assert (edge.at, edge.reason, edge.evidence, edge.run_id) == (clock.now(), "42 MB to send", "sha256 abc", "run-1")
    found = await queue.get(transfer.id)
    assert found is not None and found.temp_path == "/x/.a.part" and found.started_at == clock.now() - 5.0


async def test_an_unknown_transfer_is_an_error(queue: TransferQueue) -> None:
    with pytest.raises(UnknownTransfer):
        await queue.transition(99, S.CLAIMED, "no such thing")
    assert await queue.get(99) is None


async def test_only_an_end_finishes(queue: TransferQueue) -> None:
    (transfer,) = await claimed(queue, new())
    with pytest.raises(ValueError, match="blocked"):
        await queue.finish(transfer.id, S.BLOCKED, "no end")
