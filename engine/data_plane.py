"""UnifiedDataPlane: composes the rooms, runs their loops, and is the in-process ``EngineClient``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from config.errors import ConfigError
from config.load import LoadedConfig, load
from config.types import DataType
from config.watch import watch
from engine.archive.levers import ArchiveLevers
from engine.assembling import assemble
from engine.audit import sync_subject
from engine.clock import Clock, SystemClock
from engine.collecting import Collector
from engine.errors import ErrorClass, SyncdeckError
from engine.inventory.scanner import ScanOutcome
from engine.locations import node_of
from engine.model import SyncPriority
from engine.parts import Parts
from engine.planner.obstacles import CONTRADICTED, NEEDS_A_PERSON
from engine.rescue.levers import NodeLevers
from engine.shown import Shown
from engine.transfer_levers import TransferLevers
from engine.turns import let_threads_switch_soon
from engine.views import (
    ActionResult,
    FindingView,
    SyncPreview,
    SyncRequest,
)
from engine.views_rules import DraftCheck, ExplainView, RuleDraft, RulesView, SaveResult, TrialView

log = logging.getLogger(__name__)

Mode = Literal["embedded", "headless"]


@dataclass(frozen=True, slots=True)
class OnceReport:
    """What one scan, one plan and one drain came to."""

    done: int
    failed: int
    blocked: int
    unfinished: bool
    """Whether more was to be moved than the queue took: it is full of what waits for its next try."""
    unreachable: tuple[str, ...]
    findings: tuple[FindingView, ...]


class UnifiedDataPlane(ArchiveLevers, NodeLevers, TransferLevers, Shown):
    """The engine. Whoever makes one holds the state directory's lock for as long as it is open."""

    def __init__(
        self,
        config_path: Path,
        state_dir: Path,
        clock: Clock | None = None,
        mode: Mode = "embedded",
        observe: bool | None = False,
    ) -> None:
        """``observe`` None: observe until the operator has once said go for this configuration file."""
        self._config_path = config_path
        self._state_dir = state_dir
        self._clock = clock or SystemClock()
        self._mode = mode
        self._observe = observe
        self._parts: Parts | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._offline = True
        self._collector = Collector(lambda: self._parts is None or not self._parts.runner.running())

    # --- life -----------------------------------------------------------------------------------------

    async def open_offline(self) -> None:
        """Open configuration and store without touching a node; raises ConfigError or SyncdeckError."""
        loaded = await asyncio.to_thread(load, self._config_path)
        self._parts = await assemble(loaded, self._state_dir, self._clock, self._mode, self._scanned, self._part_down)
        self._parts.rules.on_saved = self._rules_saved
        await self._parts.restore()
        await self._note_vanished(self._parts)

    async def start(self) -> None:
        """Open, recover what an earlier run left, and run the loops."""
        await self._open_online()
        parts = self._need()
        await parts.recovery.start()
        parts.keeper.start()
        self._spawn(parts.planning.run(), "plan")
        self._spawn(parts.runner.run(), "transfers")
        self._spawn(parts.board.run(), "status")
        self._spawn(self._follow_configuration(), "configuration")
        self._spawn(parts.housekeeping.run(), "housekeeping")
        self._spawn(self._collector.run(), "collector")
        self._spawn(parts.bandwidth.run(), "bandwidth")
        self._spawn(parts.archive.worker.run(), "archive")
        self._spawn(parts.archive.automatic.run(), "archive policy")
        self._spawn(parts.rescues.run(), "rescues")
        self._spawn(parts.games.run(), "games")
        log.info("engine started on %s as %s, run %s", self._config_path, parts.fleet.own_node, parts.run_id)

    async def run_once(self) -> OnceReport:
        """One scan, one plan, drain with retries; then return. Opens the engine itself if need be."""
        if self._parts is None:
            await self._open_online()
        parts = self._need()
        await parts.housekeeping.once()
        await parts.recovery.start()  # before the first scan, which sweeps what no intent needs
        await parts.keeper.look_at_all()
        await parts.planning.once(full=True, snapshot_now=True)
        while await parts.settler.idle():
            await parts.planning.once(full=True, snapshot_now=True)
        if not parts.observing and not parts.paused:
            await parts.archive.worker.drain()
            await parts.runner.drain()
            while await parts.planning.go_on(snapshot_now=True):
                await parts.runner.drain()
            await parts.archive.restoring.note_restored()
            await parts.keeper.look_at_all()
        await parts.rescues.look()
        status = await parts.board.refresh()
        tally = await parts.queue.tally_of_run(parts.run_started_at)
        unreachable = tuple(n.node for n in status.nodes if n.state not in ("up", "unused", "unknown"))
        full = sum(refusal.code in NEEDS_A_PERSON - CONTRADICTED for refusal in parts.planning.refused)
        unfinished = parts.planning.unfinished
        return OnceReport(tally.done, tally.failed, tally.blocked + full, unfinished, unreachable, status.findings)

    async def close(self) -> None:
        """Stop the loops and let go of everything; queued work goes on at the next start."""
        self._collector.stop()
        parts, self._parts = self._parts, None
        if parts is None:
            return
        for task in self._tasks:
            if task.get_name() != "transfers":
                task.cancel()
        await parts.runner.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await parts.close()

    async def _open_online(self) -> None:
        self._offline = False
        if self._parts is None:
            await self.open_offline()
        parts = self._need()
        parts.observing = await self._decide_observing(parts)
        parts.facts.lint = parts.loaded.findings
        parts.facts.offline = False
        self._collector.start()
        let_threads_switch_soon()

    async def _decide_observing(self, parts: Parts) -> bool:
        if self._observe is not None:
            return self._observe
        return await parts.store.meta_get(self._go_name()) is None

    def _go_name(self) -> str:
        return f"go:{self._config_path.resolve()}"

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(self._part_ended)
        self._tasks.append(task)

    def _part_ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self._parts is None:
            return
        self._part_down(task.get_name(), task.exception() or RuntimeError("it ended by itself"))

    def _part_down(self, name: str, error: BaseException) -> None:
        log.error("the engine's part %s is down: %s", name, error, exc_info=error)
        if self._parts is not None:
            self._parts.facts.parts_down[name] = str(error)
            self._parts.board.touch()

    async def _scanned(self, node_id: str, outcome: ScanOutcome | None) -> None:
        parts = self._parts
        if parts is None:
            return
        if outcome is not None and outcome.whole:  # A look for changes tells of no temporary files.
            parts.fleet.leftovers[node_id] = parts.recovery.left_by_others(outcome.temporaries)
            await self._sweep(parts, node_id, outcome)
        came_up = await parts.note_scanned(node_id)
        parts.planning.wake(full=came_up)
        if came_up:
            parts.transports.node_answers(node_id)
            await parts.runner.node_recovered(node_id)
        parts.board.touch()

    async def _sweep(self, parts: Parts, node_id: str, outcome: ScanOutcome) -> None:
        try:
            await parts.recovery.sweep(node_id, [one.path for one in outcome.temporaries])
        except SyncdeckError as error:
            # The node was lost just now; its next scan reports the same files again.
            log.warning("left-over temporary files stay on %s until its next scan: %s", node_id, error)

    async def _follow_configuration(self) -> None:
        async for change in watch(self._config_path, self._need().loaded.policy.digest):
            await self._policy_changed(change)

    async def _policy_changed(self, change: LoadedConfig | ConfigError) -> None:
        parts = self._need()
        if isinstance(change, ConfigError):
            parts.facts.config_refused = change
            log.error("the configuration was not taken, the old one stays in force: %s", change)
        else:
            parts.apply(change)
            await self._end_transfers_of_left_hosts(parts)
            parts.keeper.start()
            parts.planning.wake(full=True)
            parts.runner.wake()
            await self._note_vanished(parts)
            log.info("configuration %s taken", self._config_path)
        parts.board.touch()

    async def _rules_saved(self, loaded: LoadedConfig) -> None:
        parts = self._need()
        if self._offline:
            parts.apply(loaded)
            await self._note_vanished(parts)
        else:
            await self._policy_changed(loaded)

    async def _note_vanished(self, parts: Parts) -> None:
        parts.facts.rules_vanished = tuple((gone.name, gone.file) for gone in await parts.rules.vanished())

    async def _end_transfers_of_left_hosts(self, parts: Parts) -> None:
        running = await parts.queue.running()
        ends = {t.id: {node_of(t.source), node_of(t.target)} for t in running}
        left = [number for number, nodes in ends.items() if any(not parts.fleet.uses(node) for node in nodes)]
        if not left:
            return
        try:
            await parts.runner.cancel(left, withdrawn="a host of it left the configuration")
        except SyncdeckError as error:
            # The host cannot be asked any more; when it comes back, its first scan finds the partial file.
            log.warning("a partial file stays on a host that left the configuration: %s", error)

    def _need(self) -> Parts:
        if self._parts is None:
            raise SyncdeckError("use", "the engine", "it is not open", "start it first", ErrorClass.BUG)
        return self._parts

    # --- what is asked --------------------------------------------------------------------------------

    async def preview(self, request: SyncRequest) -> SyncPreview:
        """Return what a request would do."""
        return await self._need().requests.preview(request)

    async def sync(self, request: SyncRequest) -> ActionResult:
        """Queue what the preview showed. Running transfers are joined, not repeated."""
        parts = self._need()
        result = await parts.requests.queue(request)
        if request.emergency:
            await parts.rescues.begin_emergency(request)
        await parts.audit("emergency" if request.emergency else "sync", sync_subject(request), result.message)
        for transfer in await parts.queue.running():
            parts.bandwidth.raise_priority(transfer.id, transfer.priority, transfer.emergency)
        parts.runner.wake()
        parts.board.touch()
        if self._offline or parts.observing or parts.paused:
            why = "no engine runs" if self._offline else "it observes" if parts.observing else "it is paused"
            return ActionResult(result.accepted, f"{result.message}; {why}: they wait until it moves data")
        return result

    async def request_sync(
        self,
        data_type: DataType | None = None,
        config_key: str | None = None,
        target_nodes: tuple[str, ...] = (),
        priority: SyncPriority = SyncPriority.NORMAL,
    ) -> ActionResult:
        """Queue a sync of everything that matches; the users' own call."""
        kind = data_type.value if data_type else None
        request = SyncRequest((), kind, config_key, tuple(target_nodes), int(priority))
        return await self.sync(request)

    async def sync_all(self) -> ActionResult:
        """Queue a sync of everything by the rules."""
        return await self.sync(SyncRequest())

    async def pause(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        """Stop transfers from and to nodes, and start none; with none, everywhere."""
        parts = self._need()
        result = await parts.pauses.pause(nodes)
        await parts.board.refresh()
        return result

    async def resume(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        """Undo pause; on an observing engine with no nodes named, this is the operator's go."""
        parts = self._need()
        if not nodes and (parts.observing or self._offline):
            parts.observing = False
            await parts.store.meta_set(self._go_name(), str(self._clock.now()))
            await parts.audit("go", str(self._config_path), "the operator let the engine act")
        result = await parts.pauses.resume(nodes)
        parts.planning.wake(full=True)
        parts.runner.wake()
        await parts.board.refresh()
        return result

    async def rescan(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        """Look at nodes now."""
        count = self._need().keeper.wake(nodes)
        return ActionResult(count, f"{count} node{'' if count == 1 else 's'} will be looked at now")

    async def rules(self) -> RulesView:
        """Return all rules in order, with what each touches now."""
        return await self._need().rules.rules()

    async def check_rule(self, draft: RuleDraft) -> DraftCheck:
        """Return what a draft would mean."""
        return await self._need().rules.check_rule(draft)

    async def rule_trial(self) -> TrialView | None:
        """Return what the draft that is being tried comes to so far."""
        return self._need().rules.rule_trial()

    async def save_rule(self, draft: RuleDraft, digest: str) -> SaveResult:
        """Write a draft into the file; in effect at once."""
        return await self._need().rules.save_rule(draft, digest)

    async def undo_rules(self) -> SaveResult:
        """Take the last edit back."""
        return await self._need().rules.undo_rules()

    async def explain(self, key: str, node: str) -> ExplainView:
        """Return why an entry is, or is not, to be at a node."""
        return await self._need().rules.explain(key, node)


def get_data_plane(config_path: Path, state_dir: Path, observe: bool = False) -> UnifiedDataPlane:
    """Return an engine over a configuration file and a state directory; ``start`` it, and ``close`` it."""
    return UnifiedDataPlane(config_path, state_dir, SystemClock(), "embedded", observe)
