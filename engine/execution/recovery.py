"""Going on after a kill: finish what was about to be published, queue the rest again, sweep what is left over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import SyncdeckError
from engine.execution.archived import RestoreLanding
from engine.execution.executor import Executor
from engine.execution.landing import Landing
from engine.execution.outcomes import Outcomes
from engine.execution.places import find_target
from engine.execution.sweeping import left_over
from engine.execution.tools import Tools
from engine.integrity.guard import Verdict
from engine.integrity.leftovers import Leftovers, left_by_others
from engine.locations import node_of
from engine.model import Transfer, TransferState, Version
from engine.queue.claims import RESTORE
from engine.remote.scan_types import FoundTemporary
from engine.remote.types import PublishResult

INTENTS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What taking over came to: transfers queued again, and intents to publish that were followed up."""

    requeued: int
    intents: int


class Recovery:
    """Takes over what an earlier run left. ``start`` goes before the first claim."""

    def __init__(self, tools: Tools, executor: Executor, lease_seconds: float) -> None:
        self._tools = tools
        self._executor = executor
        self._lease_seconds = lease_seconds
        self._outcomes = Outcomes(tools)

    async def start(self) -> RecoveryReport:
        """Void the leases of earlier runs and follow up their intents to publish. Raises StoreError only."""
        found = await self._tools.queue.void_leases(self._tools.names.run_id, self._lease_seconds)
        slots = asyncio.Semaphore(INTENTS_AT_ONCE)

        async def follow_up(intent: Transfer) -> None:
            async with slots:
                await self._follow_up(intent)

        await asyncio.gather(*(follow_up(intent) for intent in found.intents))
        return RecoveryReport(found.requeued, len(found.intents))

    async def sweep(self, node_id: str, temporaries: Sequence[str]) -> int:
        """Remove our left-over temporary files among those that a scan of a node met; return how many were there.

        Raises SyncdeckError when the node is lost; the next scan reports them again.
        """
        unused = left_over(temporaries, self._tools.names, self._executor.live_temporaries())
        if not unused:
            return 0
        return await (await self._tools.agent_for(node_id)).discard(unused)

    def left_by_others(self, temporaries: Sequence[FoundTemporary]) -> tuple[Leftovers, ...]:
        """Return what other engines seem to have left on a node, of which nobody would ever hear again."""
        return left_by_others(temporaries, self._tools.names.engine_id, self._tools.clock.now())

    async def _follow_up(self, intent: Transfer) -> None:
        self._outcomes.start(intent)
        try:
            await self._publish(intent)
        except SyncdeckError as error:
            await self._outcomes.failed(intent, error, None)
        finally:
            self._outcomes.end(intent)

    async def _publish(self, intent: Transfer) -> None:
        """Publish the verified temporary file of an intent, or see that this happened, or start it over.

        A restore goes where an operator wanted it, whatever the rules receive, and over nothing else.
        """
        tools = self._tools
        back = intent.rule == RESTORE
        agent = await tools.agent_for(node_of(intent.target))
        target = await find_target(tools.policy(), agent, intent.key, intent.target, back)
        version = await self._intended(intent)
        assert intent.temp_path is not None
        if version is None or target.path != intent.final_path:
            await agent.discard([intent.temp_path])
            await self._again(intent, "the content was superseded while the engine was down")
            return
        kind = RestoreLanding if back else Landing
        landing = kind(tools.catalog, agent, tools.clock, intent.key, target)
        decision = await landing.decide(version, version.size_bytes)
        if decision.verdict is Verdict.ALREADY:
            await agent.discard([intent.temp_path])
            result = PublishResult("already", decision.expected)
        elif await agent.stat(intent.temp_path) is None:
            await self._again(intent, "its temporary file is gone")
            return
        else:
            mtime_ns = round(version.mtime * 1e9)
            # Without the stat of the verified file the agent hashes it once more before it renames.
            result = await landing.publish(intent.temp_path, None, version, mtime_ns, decision.expected)
        stat = result.stat if result.stat is not None else await agent.stat(target.path)
        if stat is None:
            await self._again(intent, "the published file is gone")
            return
        await tools.catalog.mark_synced(
            intent.key, target.location, target.path, version.sha256, stat, tools.clock.now()
        )
        await self._outcomes.done(intent, version.sha256, stat.size_bytes, result.outcome, None)

    async def _intended(self, intent: Transfer) -> Version | None:
        """Return the version that was to be published, if it is still the current one."""
        entry = await self._tools.catalog.get(intent.key)
        if entry is None or entry.current is None or entry.current.sha256 != intent.sha256:
            return None
        return entry.current

    async def _again(self, intent: Transfer, reason: str) -> None:
        await self._tools.queue.transition(intent.id, TransferState.QUEUED, reason)
