"""The durable queue: what is to be moved, who moves it, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Unpack

from sqlalchemy import and_, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.codes import TransferCode
from engine.model import LIVE_STATES, Attempt, Transfer, TransferState
from engine.queue import attempts as attempt_rows
from engine.queue import claims, entrance, holding, overdue, rows
from engine.queue import refused as refusals
from engine.queue.moves import RowMove, check_lease, move, move_all, move_many, row_of, standing_of
from engine.queue.reports import Reports
from engine.queue.states import FINAL_STATES, RELEASABLE_STATES, RUNNING_STATES, may
from engine.queue.values import (
    Edge,
    Grouping,
    Narrow,
    NewEdge,
    NewTransfer,
    Recovered,
    RefusedTransfer,
    Tally,
    TransferFields,
)
from engine.store.dialect import greatest
from engine.store.schema import transfers
from engine.turns import in_turns

__all__ = ["Edge", "NewTransfer", "Recovered", "RefusedTransfer", "Tally", "TransferFields", "TransferQueue"]

HISTORY_KEPT_SECONDS = 14 * 86_400.0
HISTORY_KEPT_ROWS = 50_000
PRUNED_AT_ONCE = 1_000
LEASE_SECONDS = 120.0


class TransferQueue(Reports):
    """``TransferQueue(store, clock)``. Every change is durable, with its history line, when the call returns."""

    async def enqueue(self, plans: Sequence[NewTransfer]) -> list[int]:
        """Put transfers in and return their ids in the order given.

        There is at most one live transfer per key and target: a second wish raises the priority of the first,
        moves its deadline forward and, while it waits, gives it the newer source.
        """
        ids: list[int] = []
        for start in range(0, len(plans), entrance.ENQUEUED_AT_ONCE):
            part = plans[start : start + entrance.ENQUEUED_AT_ONCE]
            ids += await self._enqueue_part(part)
        return ids

    async def _enqueue_part(self, part: Sequence[NewTransfer]) -> list[int]:
        now = self._clock.now()
        return await self._store.write(lambda c: entrance.enqueue(c, part, now))

    async def refuse(self, refused: Sequence[RefusedTransfer]) -> int:
        """Put in what planning refuses until a person acts, as blocked; return how many are new."""
        now = self._clock.now()
        return await self._store.write(lambda c: refusals.refuse(c, refused, now)) if refused else 0

    async def lift(self, gone: Collection[tuple[str, str]]) -> int:
        """End what stood as refused for these (key, target); return how many."""
        now = self._clock.now()
        return await self._store.write(lambda c: refusals.lift(c, gone, now)) if gone else 0

    async def claim(
        self,
        run_id: str,
        lease_seconds: float = LEASE_SECONDS,
        limit: int = 1,
        exclude_nodes: Collection[str] = (),
        per_node_limit: int | None = None,
    ) -> list[Transfer]:
        """Lease and return up to ``limit`` transfers: priority, then the earlier deadline, then the older (in an
        emergency: the smaller).

        Left alone are those whose time has not come, those that touch an excluded node, and those of a node
        that takes part in ``per_node_limit`` running ones already.
        """
        now = self._clock.now()
        until = now + lease_seconds
        groups = await self._store.write(
            lambda c: claims.claim(c, run_id, until, limit, exclude_nodes, per_node_limit, now)
        )
        return [transfer for group in groups for transfer in group]

    async def claim_groups(
        self,
        run_id: str,
        lease_seconds: float,
        limit: int,
        exclude_nodes: Collection[str],
        per_node_limit: int,
        grouping: Grouping,
        load: Mapping[str, int],
        narrow: Narrow | None = None,
    ) -> list[tuple[Transfer, ...]]:
        """Like ``claim``, with whatever small files can travel together in one group; each counts for one.

        ``load`` is the number of groups that run now, for each node that has a part in one; ``narrow`` says where less
        may be claimed than ``per_node_limit``.
        """
        now = self._clock.now()
        until = now + lease_seconds
        return await self._store.write(
            lambda c: claims.claim(c, run_id, until, limit, exclude_nodes, per_node_limit, now, grouping, load, narrow)
        )

    async def heartbeat(self, run_id: str, lease_seconds: float = LEASE_SECONDS) -> int:
        """Renew the leases of a run; return how many transfers it holds."""
        until = self._clock.now() + lease_seconds
        held = and_(transfers.c.run_id == run_id, transfers.c.state.in_([state.value for state in RUNNING_STATES]))

        async def renew(connection: AsyncConnection) -> int:
            return (await connection.execute(update(transfers).where(held).values(lease_until=until))).rowcount

        return await self._store.write(renew)

    async def void_leases(self, run_id: str, lease_seconds: float = LEASE_SECONDS) -> Recovered:
        """Take over from every other run: call it once, holding the state folder's lock, before claiming."""
        now = self._clock.now()
        return await self._store.write(lambda c: claims.void_leases(c, run_id, now + lease_seconds, now))

    async def transition(
        self,
        transfer_id: int,
        state: TransferState,
        reason: str,
        evidence: str = "",
        by_run: str | None = None,
        **fields: Unpack[TransferFields],
    ) -> Transfer:
        """Take one edge, set fields with it, and return the transfer as it is then.

        Raises IllegalEdge, UnknownTransfer, and LeaseLost when ``by_run`` is given and another run owns it.
        """
        columns = rows.field_columns(fields)

        async def take(connection: AsyncConnection) -> Transfer:
            row = await row_of(connection, transfer_id)
            check_lease(row, by_run)
            await move(connection, row, state, reason, evidence, self._clock.now(), columns)
            return rows.transfer(await row_of(connection, transfer_id))

        return await self._store.write(take)

    async def transition_many(self, moves: Sequence[NewEdge], by_run: str | None = None) -> frozenset[int]:
        """Take one edge for each of many transfers in one transaction; return the ids of those that took it.

        A transfer that may not take it any more (it was cancelled meanwhile) is left as it is. Raises LeaseLost when
        ``by_run`` is given and another run owns one of them; then none is moved.
        """

        async def take(connection: AsyncConnection) -> frozenset[int]:
            found = await standing_of(connection, [edge.transfer_id for edge in moves])
            for row in found.values():
                check_lease(row, by_run)
            legal = [
                RowMove(row, edge.state, edge.reason, edge.evidence, rows.field_columns(edge.fields))
                async for edge in in_turns(moves)
                if (row := found.get(edge.transfer_id)) is not None and may(TransferState(row.state), edge.state)
            ]
            await move_many(connection, legal, self._clock.now())
            return frozenset(one.row.id for one in legal)

        return await self._store.write(take) if moves else frozenset()

    async def wait(self, transfer_id: int, reason: str) -> Transfer:
        """Say which closed node a transfer that is not running waits for; it is claimed as soon as that is over."""
        return await self.transition(transfer_id, TransferState.WAITING, reason, code=TransferCode.NODE_CLOSED)

    async def hold(
        self, ids: Sequence[int], reason: str, code: TransferCode | None = None, until: float | None = None
    ) -> int:
        """Let live transfers wait (until a time, seconds since the epoch); return how many. Stop running ones first."""
        now = self._clock.now()
        return await self._store.write(lambda c: holding.hold(c, ids, reason, code, until, now))

    async def raise_overdue(self) -> int:
        """Let what waits past its deadline rise in priority; return how many rose."""
        now = self._clock.now()
        return await self._store.write(lambda c: overdue.raise_overdue(c, now))

    async def pause(self, ids: Sequence[int]) -> int:
        """Hold transfers back until ``resume``, also over a restart; return how many. Stop running ones first."""
        return await self.hold(ids, "paused by the operator", TransferCode.PAUSED, rows.NEVER)

    async def resume(self, ids: Sequence[int]) -> int:
        """Queue those again that were paused one by one; return how many."""
        paused = await self._store.write(lambda c: holding.paused(c, ids))
        return await self.release(paused, "resumed by the operator") if paused else 0

    async def retry_at(self, transfer_id: int, at: float, reason: str, **fields: Unpack[TransferFields]) -> Transfer:
        """Put a transfer back until a time (seconds since the epoch)."""
        fields["not_before"] = at
        return await self.transition(transfer_id, TransferState.RETRY_AT, reason, **fields)

    async def block(self, transfer_id: int, reason: str, **fields: Unpack[TransferFields]) -> Transfer:
        """Stop a transfer until an operator (or a newer plan) releases it; visible with its reason and hint."""
        return await self.transition(transfer_id, TransferState.BLOCKED, reason, **fields)

    async def finish(
        self, transfer_id: int, state: TransferState, reason: str, **fields: Unpack[TransferFields]
    ) -> Transfer:
        """End a transfer: done, failed or cancelled."""
        if state not in FINAL_STATES:
            raise ValueError(f"{state.value} is not an end")
        return await self.transition(transfer_id, state, reason, **fields)

    async def record_attempt(self, attempt: Attempt) -> None:
        """Record one try. The same number again replaces what was recorded."""

        async def record(connection: AsyncConnection) -> None:
            await row_of(connection, attempt.transfer_id)
            await attempt_rows.record(connection, attempt)

        await self._store.write(record)

    async def record_attempts(self, tried: Sequence[Attempt]) -> None:
        """Record one try of each of many transfers in one transaction."""
        if tried:
            await self._store.write(lambda c: attempt_rows.record_many(c, tried))

    async def release(self, ids: Sequence[int], reason: str = "released by the operator") -> int:
        """Queue blocked, waiting, failed, cancelled or postponed transfers again; return how many.

        A finished one stays finished while a newer transfer of the same content to the same target is live.
        """

        async def release(connection: AsyncConnection) -> int:
            released, now = 0, self._clock.now()
            for row in await _rows(connection, ids, RELEASABLE_STATES):
                if TransferState(row.state) in FINAL_STATES and await _has_live_twin(connection, row):
                    continue
                await move(connection, row, TransferState.QUEUED, reason, "", now, {"error_class": None, "hint": None})
                released += 1
            return released

        return await self._store.write(release)

    async def cancel(self, ids: Sequence[int]) -> int:
        """Cancel live transfers for an operator; return how many. Whoever runs one must stop it first."""
        return await self._cancel(ids, "cancelled by the operator", TransferCode.CANCELLED_BY_OPERATOR)

    async def withdraw(self, ids: Sequence[int], reason: str) -> int:
        """Cancel live transfers that nobody asks for any more; return how many. They may be planned again at once."""
        return await self._cancel(ids, reason, None)

    async def _cancel(self, ids: Sequence[int], reason: str, code: TransferCode | None) -> int:
        async def cancel(connection: AsyncConnection) -> int:
            live = await _rows(connection, ids, LIVE_STATES)
            return await move_all(connection, live, TransferState.CANCELLED, reason, self._clock.now(), code)

        return await self._store.write(cancel)

    async def prune(self, now: float, kept_rows: int = HISTORY_KEPT_ROWS) -> int:
        """Forget finished transfers older than 14 days or beyond the newest ``kept_rows``; return how many.

        Their edges and attempts go with them. The newest one that was done always stays.
        """
        over = transfers.c.state.in_([state.value for state in FINAL_STATES])
        newest_done = select(func.max(transfers.c.id)).where(transfers.c.state == TransferState.DONE.value)
        beyond = select(transfers.c.finished_at).where(over).order_by(transfers.c.finished_at.desc())
        limit = beyond.offset(kept_rows).limit(1).scalar_subquery()
        oldest_kept = greatest(func.coalesce(limit, 0.0), now - HISTORY_KEPT_SECONDS)
        old = select(transfers.c.id).where(over, transfers.c.finished_at <= oldest_kept)
        old = old.where(transfers.c.id.is_distinct_from(newest_done.scalar_subquery())).limit(PRUNED_AT_ONCE)

        async def prune(connection: AsyncConnection) -> int:
            return (await connection.execute(delete(transfers).where(transfers.c.id.in_(old)))).rowcount

        pruned = 0
        while (part := await self._store.write(prune)) > 0:
            pruned += part
        return pruned


async def _rows(connection: AsyncConnection, ids: Sequence[int], states: Collection[TransferState]) -> list[Any]:
    found: list[Any] = []
    names = [state.value for state in states]
    for start in range(0, len(ids), PRUNED_AT_ONCE):
        part = list(ids[start : start + PRUNED_AT_ONCE])
        statement = select(transfers).where(transfers.c.id.in_(part), transfers.c.state.in_(names))
        found += (await connection.execute(statement.order_by(transfers.c.id))).all()
    return found


async def _has_live_twin(connection: AsyncConnection, row: Any) -> bool:
    live = transfers.c.state.in_([state.value for state in LIVE_STATES])
    twin = select(transfers.c.id).where(transfers.c.key == row.key, transfers.c.target == row.target, live)
    return (await connection.execute(twin.limit(1))).first() is not None
