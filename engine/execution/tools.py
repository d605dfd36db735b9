"""What carrying out a transfer needs of the other rooms, handed around as one value."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from config.types import Policy
from engine.catalog.catalog import DataCatalog
from engine.clock import Clock
from engine.execution.checked import CheckedContents
from engine.execution.places import Packed
from engine.execution.progress import ProgressBoard
from engine.execution.snapshots import SnapshotShare
from engine.execution.space import SpaceLedger
from engine.integrity.temporary import TemporaryNames
from engine.queue.queue import TransferQueue
from engine.remote.types import Endpoint
from engine.transport.bandwidth.allocator import BandwidthAllocator
from engine.transport.manager import TransportManager
from engine.transport.types import AgentFor


async def _no_archive(_transfer_id: int) -> Packed | None:
    """Know of no archives."""
    return None


async def _nothing(_transfer_id: int) -> None:
    """Do nothing."""


@dataclass
class PackedSources:
    """Which transfers are read from an archive; the archive, where there is one, puts its own answer in."""

    ask: Callable[[int], Awaitable[Packed | None]] = _no_archive
    """Returns the archive that a transfer is read from, or None: of a file."""
    doubt: Callable[[int], Awaitable[None]] = _nothing
    """Hears of a transfer whose archive could not be unpacked, and finds out what that archive is worth."""


@dataclass(frozen=True)
class Tools:
    """One per engine. ``policy`` and ``endpoint_for`` are asked anew each time: the configuration may change."""

    queue: TransferQueue
    catalog: DataCatalog
    transports: TransportManager
    agent_for: AgentFor
    endpoint_for: Callable[[str], Endpoint]
    policy: Callable[[], Policy]
    names: TemporaryNames
    clock: Clock
    board: ProgressBoard
    bandwidth: BandwidthAllocator
    chance: random.Random = field(default_factory=random.Random)
    space: SpaceLedger = field(default_factory=SpaceLedger)
    snapshots: SnapshotShare = field(default_factory=SnapshotShare)
    checked: CheckedContents = field(default_factory=CheckedContents)
    packed: PackedSources = field(default_factory=PackedSources)
