"""Carrying out a batch of claimed transfers: each keeps its own states, verdict and history, the acts are shared."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engine.catalog.values import CatalogError, Found, Placed
from engine.errors import ErrorClass, SyncdeckError
from engine.execution.batch_items import Item, Prepared, ends, prepare, refreshed
from engine.execution.batch_sizes import BatchSizes
from engine.execution.executor import Executor
from engine.execution.landing import refused
from engine.execution.outcomes import Announced, Arrived, Outcomes
from engine.execution.tools import Tools
from engine.execution.verdicts import Refused, Superseded
from engine.integrity.guard import Verdict
from engine.model import ReplicaState, Transfer, TransferState, Transport
from engine.queue.values import NewEdge
from engine.remote.types import NodeAgent, PublishResult
from engine.shielded import finish_anyway
from engine.transport.batch_delivery import deliver_batch
from engine.transport.discarding import discard_or_leave
from engine.transport.manager import Delivery
from engine.turns import in_turns

TOLD_AT_ONCE = 50
"""Failures recorded side by side: they share commits, and no queue of hundreds builds up before the writer."""


@dataclass
class _Batch:
    """One batch, as it goes along. ``open`` are the transfers whose end is not recorded yet."""

    leader: int
    """The transfer under whose id the whole batch holds room and temporary files."""
    open: dict[int, Transfer]
    source: NodeAgent | None = None
    target: NodeAgent | None = None
    temp_paths: set[str] = field(default_factory=set)
    delivered: dict[int, Delivery] = field(default_factory=dict)


class BatchExecutor:
    """Runs groups of small files. What needs a look of its own is queued again, to go singly."""

    def __init__(self, tools: Tools, executor: Executor) -> None:
        self._tools = tools
        self._executor = executor
        self._outcomes = Outcomes(tools)
        self.sizes = BatchSizes()
        self.alone: set[int] = set()
        """Transfers that go singly when they are claimed next."""

    async def run(self, transfers: Sequence[Transfer]) -> None:
        """Carry every transfer to done, retry, blocked, failed, cancelled, or queued again. Raises only CancelledError.

        When cancelled, nothing that was not published stays at the target; the caller records what it means for those
        that are still running then.
        """
        leader = transfers[0].id
        batch = _Batch(leader, {transfer.id: transfer for transfer in transfers})
        try:
            async for transfer in in_turns(transfers):
                self._outcomes.start(transfer)
            await self._carry_out(batch, transfers)
        except SyncdeckError as error:
            await self._fail(batch, [(transfer, error) for transfer in batch.open.values()])
        finally:
            await self._clean(batch)
            for transfer in transfers:
                self._outcomes.end(transfer)
                self._tools.board.forget(transfer.id)
            self._executor.spare(leader, set())
            self._tools.space.release(leader)

    async def _carry_out(self, batch: _Batch, transfers: Sequence[Transfer]) -> None:
        tools = self._tools
        first = transfers[0]
        gone = [node for node in ends(first) if node not in tools.policy().nodes]
        if gone:
            cause = f"{gone[0]} is not in the configuration any more"
            raise Superseded("find", str(first.key), cause, "it is planned anew")
        batch.source, batch.target = await asyncio.gather(*(tools.agent_for(node) for node in ends(first)))
        prepared = await prepare(tools, transfers, batch.source, batch.target)
        items = await self._admit(batch, prepared)
        if items:
            await self._move(batch, items)
        arrived = [item for item in items if item.outcome is not None]
        ready = await self._verify(batch, arrived)
        if ready:
            await finish_anyway(self._publish(batch, ready))

    async def _admit(self, batch: _Batch, prepared: Prepared) -> list[Item]:
        """Return what may be moved: guarded, with room reserved. All else ends here, or is queued again."""
        assert batch.target is not None
        stats = await batch.target.stat_many([item.target.path for item in prepared.items])
        moving: list[Item] = []
        already: list[tuple[Item, str, PublishResult]] = []
        async for item, found in in_turns(zip(prepared.items, stats, strict=True)):
            known = item.known_version
            decision = item.decide(found, known, item.stat.size_bytes)
            if decision.verdict is Verdict.REFUSE:
                prepared.failed.append((item.transfer, refused(item.target, decision)))
            elif decision.verdict is Verdict.HASH_FIRST:
                prepared.singly.append((item.transfer, "what is at the target is looked at first"))
            elif decision.verdict is Verdict.ALREADY and known is not None:
                already.append((item, known.sha256, PublishResult("already", decision.expected)))
            else:
                moving.append(item)
        await self._fail(batch, prepared.failed)
        await self._record(batch, already)
        if moving and not self._reserve(moving, batch):
            prepared.singly += [(item.transfer, "there may not be room for all of its batch") for item in moving]
            moving = []
        await self._send_back(batch, prepared.singly)
        earlier = {item.transfer.temp_path for item in moving} - {item.temp_path for item in moving} - {None}
        if earlier:
            await batch.target.discard(sorted(path for path in earlier if path is not None))
        return moving

    def _reserve(self, items: Sequence[Item], batch: _Batch) -> bool:
        """Hold room for all at once; False where it is short, for then each file must be told what is missing."""
        total = sum(item.stat.size_bytes for item in items)
        root, may_fill = items[0].target.root, items[0].transfer.may_fill
        thresholds = self._tools.policy().thresholds
        try:
            self._tools.space.reserve_target(batch.leader, items[0].target.node_id, root, total, thresholds, may_fill)
        except SyncdeckError as error:
            if error.error_class is not ErrorClass.NO_SPACE:
                raise
            return False
        return True

    async def _move(self, batch: _Batch, items: list[Item]) -> None:
        """Bring what can be brought to temporary files; a file that did not arrive ends here with its own error."""
        tools, first = self._tools, items[0].transfer
        batch.temp_paths |= {item.temp_path for item in items}
        self._executor.spare(batch.leader, batch.temp_paths)
        rate = tools.bandwidth.start(first, *ends(first))
        jobs = [item.job(tools, rate) async for item in in_turns(items)]

        def progress(number: int, done: int, wire: int) -> None:
            tools.board.update(items[number].transfer.id, done, done)
            tools.bandwidth.moved(first.id, wire)

        async def announce(transport: Transport, passed_over: Sequence[str]) -> None:
            await self._announce(batch, items, transport, passed_over)

        started = tools.clock.monotonic()
        try:
            deliveries = await deliver_batch(
                tools.transports, jobs, first.transport_preference, progress, announce, tools.clock
            )
        finally:
            tools.bandwidth.end(first.id)
        failed = []
        async for item, delivery in in_turns(zip(items, deliveries, strict=True)):
            item.delivery = batch.delivered[item.transfer.id] = delivery
            if delivery.outcome is None:
                assert delivery.error is not None
                failed.append((item.transfer, delivery.error))
            else:
                item.arrived(delivery.outcome)
                tools.checked.add(item.content_id)
                tools.checked.add(delivery.outcome.sha256)
        seconds = tools.clock.monotonic() - started
        moved = sum(item.outcome.size_bytes for item in items if item.outcome is not None)
        self.sizes.took((first.source, first.target), len(items), sum(i.stat.size_bytes for i in items), seconds)
        await tools.catalog.record_link(first.source, first.target, moved, seconds)
        await self._fail(batch, failed)

    async def _announce(
        self, batch: _Batch, items: Sequence[Item], transport: Transport, passed_over: Sequence[str]
    ) -> None:
        """Record that a transport begins, for every file that has not arrived yet."""
        going = [item for item in items if item.transfer.id in batch.open]
        nodes = ends(going[0].transfer)
        edges = [
            Announced(
                item.transfer,
                f"{nodes[0]} -> {nodes[1]} by {transport.value}, in a batch of {len(going)}",
                "; ".join(passed_over),
                {
                    "transport": transport,
                    "temp_path": item.temp_path,
                    "final_path": item.target.path,
                    "bytes_total": item.stat.size_bytes,
                },
            )
            async for item in in_turns(going)
        ]
        await self._outcomes.enter_many(TransferState.TRANSFERRING, edges)

    async def _verify(self, batch: _Batch, items: list[Item]) -> list[Item]:
        """Record what arrived, and return what may be published."""
        if not items:
            return []
        assert batch.target is not None
        tools = self._tools
        edges = []
        async for item in in_turns(items):
            assert item.outcome is not None
            evidence = f"sha256 {item.outcome.sha256} of {item.outcome.size_bytes} bytes read back at the target"
            edges.append(
                Announced(item.transfer, "may it replace what is there?", evidence, {"sha256": item.outcome.sha256})
            )
        await self._outcomes.enter_many(TransferState.VERIFYING, edges)
        # Before publishing: a copy that a killed engine published is then known as a version, never as diverged.
        contents = [_found(item) async for item in in_turns(items)]
        states = await tools.catalog.record_contents(contents, tools.clock.now())
        failed: list[tuple[Transfer, SyncdeckError]] = []
        current = []
        async for item, state in in_turns(zip(items, states, strict=True)):
            if state is ReplicaState.CURRENT:
                current.append(item)
            else:
                cause = f"{item.source.location} holds a {state.value} version by now"
                error = Superseded("verify", str(item.transfer.key), cause, "it is planned anew")
                failed.append((item.transfer, error))
        ready = await self._decide_again(batch, current, failed)
        await self._fail(batch, failed)
        return ready

    async def _decide_again(
        self, batch: _Batch, items: list[Item], failed: list[tuple[Transfer, SyncdeckError]]
    ) -> list[Item]:
        """Return what may be published, with what it may replace; now that the catalog knows the content."""
        assert batch.target is not None
        tools = self._tools
        entries = await tools.catalog.get_many([item.transfer.key for item in items])
        stats = await batch.target.stat_many([item.target.path for item in items])
        ready, already = [], []
        async for item, found in in_turns(zip(await refreshed(items, entries), stats, strict=True)):
            assert item.version is not None
            try:
                decision = item.decide(found, item.version, item.version.size_bytes)
                if decision.verdict in (Verdict.HASH_FIRST, Verdict.REFUSE):
                    # Something came there meanwhile: looked at as for a single file, which raises what forbids it.
                    landing = item.landing(tools, batch.target)
                    decision = await landing.decide(item.version, item.version.size_bytes)
            except Refused as error:
                failed.append((item.transfer, error))
                continue
            item.expected = decision.expected
            if decision.verdict is Verdict.ALREADY:
                already.append((item, item.version.sha256, PublishResult("already", decision.expected)))
            else:
                ready.append(item)
        await self._record(batch, already)
        return ready

    async def _publish(self, batch: _Batch, items: list[Item]) -> None:
        """Record the intents, then rename everything into place, then record the copies."""
        assert batch.target is not None
        tools = self._tools
        edges = []
        async for item in in_turns(items):
            assert item.version is not None
            evidence = f"{item.temp_path} becomes {item.target.path}, sha256 {item.version.sha256}"
            edges.append(
                Announced(
                    item.transfer,
                    "rename into place",
                    evidence,
                    {"temp_path": item.temp_path, "final_path": item.target.path, "sha256": item.version.sha256},
                )
            )
        entered = await self._outcomes.enter_many(TransferState.PUBLISHING, edges)
        items = [item for item in items if item.transfer.id in entered]
        results = await batch.target.publish_many([item.request() async for item in in_turns(items)])
        failed: list[tuple[Transfer, SyncdeckError]] = []
        placed: list[tuple[Item, str, PublishResult]] = []
        async for item, result in in_turns(zip(items, results, strict=True)):
            assert item.version is not None and item.outcome is not None
            try:
                if isinstance(result, SyncdeckError):
                    raise result
                landing = item.landing(tools, batch.target)
                await landing.remember_kept(item.entry, item.replaced, result)
                if result.outcome == "conflict":
                    result = await landing.publish(
                        item.temp_path, item.outcome.temp_stat, item.version, item.mtime_ns, item.expected
                    )
                placed.append((item, item.version.sha256, result))
            except SyncdeckError as error:
                failed.append((item.transfer, error))
        await self._record(batch, placed)
        await self._fail(batch, failed)

    async def _record(self, batch: _Batch, placed: Sequence[tuple[Item, str, PublishResult]]) -> None:
        """Tell the catalog what the target holds now, then end these transfers."""
        if not placed:
            return
        tools = self._tools
        copies, there = [], []
        failed: list[tuple[Transfer, SyncdeckError]] = []
        async for item, sha256, result in in_turns(placed):
            if result.stat is None:
                cause = "the published file is gone"
                error = SyncdeckError("record", item.target.path, cause, "it is tried again", ErrorClass.SOURCE_CHANGED)
                failed.append((item.transfer, error))
                continue
            copies.append(Placed(item.transfer.key, item.target.location, item.target.path, sha256, result.stat))
            there.append((item, sha256, result))
        marked = await tools.catalog.mark_many_synced(copies, tools.clock.now())
        arrived = []
        async for (item, sha256, result), copy, mark in in_turns(zip(there, copies, marked, strict=True)):
            if isinstance(mark, CatalogError):
                failed.append((item.transfer, mark))
                continue
            if result.outcome == "published":
                batch.temp_paths.discard(item.temp_path)
            arrived.append(Arrived(item.transfer, sha256, copy.stat.size_bytes, result.outcome, item.delivery))
        await self._outcomes.done_many(arrived)
        for one in arrived:
            batch.open.pop(one.transfer.id, None)
        await self._fail(batch, failed)

    async def _fail(self, batch: _Batch, failed: Iterable[tuple[Transfer, SyncdeckError]]) -> None:
        """Let each of these retry, be blocked, fail or be dropped, by its own error."""
        left = [(transfer, error) for transfer, error in failed if transfer.id in batch.open]
        for start in range(0, len(left), TOLD_AT_ONCE):
            part = left[start : start + TOLD_AT_ONCE]
            await asyncio.gather(
                *(self._outcomes.failed(transfer, error, batch.delivered.get(transfer.id)) for transfer, error in part)
            )
            for transfer, _ in part:
                batch.open.pop(transfer.id, None)

    async def _send_back(self, batch: _Batch, singly: Sequence[tuple[Transfer, str]]) -> None:
        moves = [NewEdge(transfer.id, TransferState.QUEUED, reason) for transfer, reason in singly]
        self.alone |= await self._tools.queue.transition_many(moves, self._tools.names.run_id)
        for transfer, _ in singly:
            batch.open.pop(transfer.id, None)

    async def _clean(self, batch: _Batch) -> None:
        """Remove what is left of this batch at the target, even while being cancelled."""
        if batch.target is not None and batch.temp_paths:
            await finish_anyway(discard_or_leave(batch.target, sorted(batch.temp_paths)))


def _found(item: Item) -> Found:
    assert item.version is not None
    return Found(item.transfer.key, item.source.location, item.source.path, item.version, item.stat)
