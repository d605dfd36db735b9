"""Plain copies that vouch for a content: read in full on their own nodes, now or lately, before an original goes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from config.classify import classify
from config.types import Policy
from engine.archive.proofs import Proofs
from engine.catalog.catalog import DataCatalog
from engine.clock import Clock
from engine.errors import ErrorClass, SyncdeckError
from engine.locations import node_of
from engine.model import DataEntry, FileKind, LocationState, LocationView, NodeState, Replica
from engine.transport.types import AgentFor

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Vouching:
    """Has copies read. Where one cannot be read now it counts for nothing, neither before a deletion nor after."""

    catalog: DataCatalog
    proofs: Proofs
    agent_for: AgentFor
    policy: Callable[[], Policy]
    clock: Clock

    async def hear(self, entry: DataEntry, target: Replica, views: dict[str, LocationView]) -> None:
        """Have every durable copy of what ``target`` holds read that nobody read lately, all at once."""
        others = [replica for replica in entry.replicas if _may_vouch(entry, replica, target, views)]
        await asyncio.gather(*(self._hear_one(entry, replica) for replica in others))

    async def _hear_one(self, entry: DataEntry, replica: Replica) -> None:
        now, fresh = self.clock.now(), self.policy().engine.archive.fresh_verification_seconds
        known = await self.proofs.reading(replica.location, replica.path, replica.stat)
        if known is not None and now - fresh <= known[1] <= now:
            return
        kind = FileKind(classify(replica.path).kind)
        try:
            agent = await self.agent_for(node_of(replica.location))
            sha256, stat = await agent.read_fresh(replica.path, kind)
        except SyncdeckError as error:
            if error.error_class is ErrorClass.BUG:
                raise
            log.info("%s at %s does not vouch: %s", entry.key, replica.location, error)
            return
        if sha256 == replica.sha256:
            await self.proofs.note_reading(replica.location, replica.path, sha256, stat)
        elif stat.same_content_as(replica.stat):
            # Nothing but the bytes differs: the disk changed them. What changed in earnest the next scan finds.
            await self.catalog.mark_bad(entry.key, replica.location)
            log.warning("%s at %s does not hold any more what was verified", replica.path, replica.location)


def _may_vouch(entry: DataEntry, replica: Replica, target: Replica, views: dict[str, LocationView]) -> bool:
    """Return whether a copy can be a witness once it is read: what its origin may write to at any time cannot."""
    view = views.get(replica.location)
    if view is None or replica.location == target.location or entry.key.origin == node_of(replica.location):
        return False
    there = view.node_state is NodeState.UP and view.state is LocationState.AVAILABLE
    same = replica.state is target.state and replica.sha256 is not None and replica.sha256 == target.sha256
    return view.durable and not view.failing and there and same and not replica.changed
