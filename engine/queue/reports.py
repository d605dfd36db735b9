"""What the queue says of itself: counts, pages, rates. Reads only, in threads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select

from engine.codes import TransferCode
from engine.model import LIVE_STATES, Attempt, Transfer, TransferState
from engine.queue import attempts as attempt_rows
from engine.queue import rows
from engine.queue.part import QueuePart
from engine.queue.refused import IS_REFUSED
from engine.queue.states import RUNNING_STATES
from engine.queue.values import Edge, Tally
from engine.store.dialect import greatest
from engine.store.schema import attempts, edges, transfers

_LIVE = transfers.c.state.in_([state.value for state in LIVE_STATES])
_OVER = transfers.c.state.in_([s.value for s in TransferState if s not in LIVE_STATES])
_RUNNING = [state.value for state in RUNNING_STATES]
_ON_THEIR_WAY = [TransferState.QUEUED.value, TransferState.RETRY_AT.value, *_RUNNING]
_HELD = [TransferState.WAITING.value, TransferState.RETRY_AT.value]
_DONE = TransferState.DONE.value
_BLOCKED = TransferState.BLOCKED.value


class Reports(QueuePart):
    """Everything that is asked of the queue without changing it."""

    async def get(self, transfer_id: int) -> Transfer | None:
        """Return one transfer, or None."""
        found = await self._select(select(transfers).where(transfers.c.id == transfer_id))
        return found[0] if found else None

    async def running(self) -> list[Transfer]:
        """Return the transfers that are between claimed and publishing, longest running first."""
        statement = select(transfers).where(transfers.c.state.in_(_RUNNING))
        return await self._select(statement.order_by(transfers.c.started_at, transfers.c.id))

    async def of_entry(self, key: str, limit: int = 50) -> list[Transfer]:
        """Return an entry's newest transfers first."""
        statement = select(transfers).where(transfers.c.key == key).order_by(transfers.c.id.desc())
        return await self._select(statement.limit(limit))

    async def in_state(self, state: TransferState, limit: int = 500) -> list[Transfer]:
        """Return transfers of one state, most urgent first."""
        return await self._select(_by_urgency(select(transfers).where(transfers.c.state == state.value)).limit(limit))

    async def counts(self) -> dict[str, int]:
        """Return how many transfers are in each state (those that occur)."""

        def count(connection: Connection) -> dict[str, int]:
            statement = select(transfers.c.state, func.count()).group_by(transfers.c.state)
            return {row[0]: row[1] for row in connection.execute(statement)}

        return await self._store.query(count)

    async def on_their_way(self) -> int:
        """Return how many transfers run, or will without anybody's doing: they neither wait for a node nor for a
        person."""
        statement = select(func.count()).where(transfers.c.state.in_(_ON_THEIR_WAY))
        return await self._store.query(lambda c: int(c.execute(statement).scalar_one()))

    async def waiting_reasons(self) -> list[tuple[str, int]]:
        """Return why transfers wait, and how many for each reason, the commonest first.

        Blocked ones do not wait: they need somebody.
        """

        def count(connection: Connection) -> list[tuple[str, int]]:
            number = func.count()
            statement = select(transfers.c.reason, number).where(transfers.c.state.in_(_HELD))
            statement = statement.group_by(transfers.c.reason).order_by(number.desc(), transfers.c.reason)
            return [(reason, held) for reason, held in connection.execute(statement)]

        return await self._store.query(count)

    async def waits_for(self, nodes: Collection[str], but_for: Collection[str]) -> bool:
        """Return whether anything waits for one of these nodes that are closed, and for none of the others."""
        ends = (transfers.c.source_node, transfers.c.target_node)
        closed = transfers.c.code == TransferCode.NODE_CLOSED.value
        only = (or_(*(end.in_(nodes) for end in ends)), *(end.not_in(but_for) for end in ends))
        statement = select(transfers.c.id).where(transfers.c.state.in_(_HELD), closed, *only).limit(1)
        return await self._store.query(lambda c: c.execute(statement).first() is not None)

    async def page(self, offset: int, count: int, text: str = "", history: bool = True) -> tuple[int, list[Transfer]]:
        """Return how many transfers match and a window of them: running, by urgency, then newest finished first."""
        wanted = _matching(text)

        def look(connection: Connection) -> tuple[int, list[Transfer]]:
            live = _count(connection, and_(_LIVE, *wanted))
            over = _count(connection, and_(_OVER, *wanted)) if history else 0
            found: list[Any] = []
            if offset < live:
                statement = _by_urgency(select(transfers).where(_LIVE, *wanted), running_first=True)
                found += connection.execute(statement.offset(offset).limit(count)).all()
            if history and len(found) < count:
                ended = select(transfers).where(_OVER, *wanted)
                ended = ended.order_by(transfers.c.finished_at.desc(), transfers.c.id.desc())
                start = max(0, offset - live)
                found += connection.execute(ended.offset(start).limit(count - len(found))).all()
            return live + over, [rows.transfer(row) for row in found]

        return await self._store.query(look)

    async def history(self, transfer_id: int) -> list[Edge]:
        """Return every edge that a transfer took, oldest first."""
        statement = select(edges).where(edges.c.transfer_id == transfer_id).order_by(edges.c.id)
        return await self._store.query(lambda c: [rows.edge(row) for row in c.execute(statement)])

    async def attempts(self, transfer_id: int) -> list[Attempt]:
        """Return every attempt at a transfer, oldest first."""
        return await self._store.query(lambda c: attempt_rows.of_transfer(c, transfer_id))

    async def live(self) -> set[tuple[str, str]]:
        """Return (key, target) of every live transfer: what need not be planned again.

        What planning itself refused is planned again: the reason may be gone.
        """
        statement = select(transfers.c.key, transfers.c.target).where(_LIVE, ~IS_REFUSED)
        return await self._store.query(lambda c: {(key, target) for key, target in c.execute(statement)})

    async def refused(self) -> set[tuple[str, str]]:
        """Return (key, target) of everything that stands as refused by planning."""
        statement = select(transfers.c.key, transfers.c.target).where(IS_REFUSED)
        return await self._store.query(lambda c: {(key, target) for key, target in c.execute(statement)})

    async def blocked_as(self, code: TransferCode) -> list[Transfer]:
        """Return what is blocked for that."""
        blocked = and_(transfers.c.state == _BLOCKED, transfers.c.code == code.value)
        statement = select(transfers).where(blocked).order_by(transfers.c.id)
        return await self._store.query(lambda c: [rows.transfer(row) for row in c.execute(statement)])

    async def reserved_bytes(self) -> dict[str, int]:
        """Return for each target the bytes that queued and running transfers will still put there."""
        remaining = greatest(transfers.c.bytes_total - transfers.c.bytes_done, 0)
        statement = select(transfers.c.target, func.sum(remaining)).where(_LIVE, transfers.c.state != _BLOCKED)
        statement = statement.group_by(transfers.c.target)
        return await self._store.query(lambda c: {target: int(total) for target, total in c.execute(statement)})

    async def first_attempt_rate(self, since: float) -> float | None:
        """Return the share of transfers finished since then that were done at the first attempt; None: none yet."""
        first = func.sum(case((and_(transfers.c.state == _DONE, transfers.c.attempts <= 1), 1), else_=0))
        ended = [_DONE, TransferState.FAILED.value]
        statement = select(func.count(), first).where(transfers.c.state.in_(ended), transfers.c.finished_at >= since)

        def look(connection: Connection) -> float | None:
            total, good = connection.execute(statement).one()
            return good / total if total else None

        return await self._store.query(look)

    async def bytes_moved(self, since: float) -> int:
        """Return the bytes that attempts which ended since then brought to their targets."""
        statement = select(func.coalesce(func.sum(attempts.c.bytes_done), 0))
        statement = statement.where(attempts.c.finished_at >= since)
        return await self._store.query(lambda c: int(c.execute(statement).scalar_one()))

    async def throughput(self, since: float, interval_seconds: float, until: float) -> list[float]:
        """Return bytes/s for each interval from ``since`` to ``until``, oldest first."""
        slots = max(1, round((until - since) / interval_seconds))
        statement = select(attempts.c.finished_at, attempts.c.bytes_done).where(attempts.c.finished_at >= since)

        def look(connection: Connection) -> list[float]:
            moved = [0.0] * slots
            for finished_at, done in connection.execute(statement):
                moved[min(slots - 1, int((finished_at - since) / interval_seconds))] += done
            return [total / interval_seconds for total in moved]

        return await self._store.query(look)

    async def last_verified_at(self) -> float | None:
        """Return when the newest transfer was done: its copy had been read back and compared."""
        statement = select(func.max(transfers.c.finished_at)).where(transfers.c.state == _DONE)
        return await self._store.query(lambda c: c.execute(statement).scalar_one())

    async def last_done_by_node(self) -> dict[str, float]:
        """Return for each node when a transfer from or to it was last done."""
        done = transfers.c.state == _DONE
        ends = (transfers.c.source_node, transfers.c.target_node)

        def look(connection: Connection) -> dict[str, float]:
            latest: dict[str, float] = {}
            for end in ends:
                statement = select(end, func.max(transfers.c.finished_at)).where(done).group_by(end)
                for node, at in connection.execute(statement):
                    latest[node] = max(at, latest.get(node, at))
            return latest

        return await self._store.query(look)

    async def tally_of_run(self, since: float) -> Tally:
        """Return how many transfers were done and failed since then, and how many are blocked now."""

        def look(connection: Connection) -> Tally:
            ended = transfers.c.finished_at >= since
            return Tally(
                done=_count(connection, and_(transfers.c.state == _DONE, ended)),
                failed=_count(connection, and_(transfers.c.state == TransferState.FAILED.value, ended)),
                blocked=_count(connection, transfers.c.state == _BLOCKED),
            )

        return await self._store.query(look)

    async def next_retry_at(self) -> float | None:
        """Return when the next waiting transfer may be tried again, or None."""
        statement = select(func.min(transfers.c.not_before)).where(_LIVE, transfers.c.state != _BLOCKED)
        return await self._store.query(lambda c: c.execute(statement).scalar_one())

    async def soonest_retry_at(self) -> float | None:
        """Return when the first of those that failed and are tried again by themselves is due, or None."""
        statement = select(func.min(transfers.c.not_before)).where(transfers.c.state == TransferState.RETRY_AT.value)
        return await self._store.query(lambda c: c.execute(statement).scalar_one())

    async def _select(self, statement: Select[Any]) -> list[Transfer]:
        return await self._store.query(lambda c: [rows.transfer(row) for row in c.execute(statement)])


def _by_urgency(statement: Select[Any], running_first: bool = False) -> Select[Any]:
    order: list[Any] = [transfers.c.priority.desc(), transfers.c.due, transfers.c.id]
    if running_first:
        order.insert(0, case((transfers.c.state.in_(_RUNNING), 0), else_=1))
    return statement.order_by(*order)


def _matching(text: str) -> Sequence[ColumnElement[bool]]:
    """Return the conditions of a filter: every word of it in some column that is shown."""
    shown = (transfers.c.key, transfers.c.source, transfers.c.target, transfers.c.state, transfers.c.reason)
    return [or_(*(column.icontains(word, autoescape=True) for column in shown)) for word in text.split()]


def _count(connection: Connection, condition: ColumnElement[bool]) -> int:
    statement = select(func.count()).select_from(transfers).where(condition)
    return int(connection.execute(statement).scalar_one())
