"""One batch's files: where each is read and where it lands, and which of them can travel together after all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from config.types import DataType, Policy
from engine.catalog.keys import place
from engine.catalog.roots import LocationRoot, landing_root
from engine.errors import SyncdeckError
from engine.execution.batch_sizes import LARGEST_FILE_BYTES
from engine.execution.landing import Landing, replaced_at, stays_as
from engine.execution.places import Source, Target, ensure_receives, find_source, root_status
from engine.execution.tools import Tools
from engine.execution.verdicts import Superseded
from engine.integrity.guard import Decision, decide
from engine.integrity.temporary import content_id
from engine.locations import node_of
from engine.model import DataEntry, EntryKey, FileStat, Replica, ReplicaState, Transfer, Version
from engine.remote.agent.growing import is_growing
from engine.remote.types import NodeAgent, PublishRequest, RootStatus, StreamOutcome
from engine.transport.manager import Delivery
from engine.transport.rates import RateCap
from engine.transport.types import TransferJob
from engine.turns import in_turns


@dataclass
class Item:
    """One file of a batch, as it goes along."""

    transfer: Transfer
    entry: DataEntry | None
    source: Source
    target: Target
    stat: FileStat
    content_id: str
    sha256: str | None
    temp_path: str
    delivery: Delivery | None = None
    outcome: StreamOutcome | None = None
    version: Version | None = None
    expected: FileStat | None = None

    @property
    def mtime_ns(self) -> int:
        """When the content was last written: a commit in WAL mode touches only the -wal."""
        return max(self.stat.mtime_ns, self.stat.wal_mtime_ns)

    @property
    def known_version(self) -> Version | None:
        """The version to be sent where it is known before it is read."""
        if self.sha256 is None or self.source.replica.state is not ReplicaState.CURRENT:
            return None
        return Version(self.sha256, self.stat.size_bytes, self.mtime_ns / 1e9)

    def arrived(self, outcome: StreamOutcome) -> Version:
        """Take over the verified temporary file; return its version."""
        self.outcome = outcome
        self.version = Version(
            outcome.sha256, outcome.size_bytes, self.mtime_ns / 1e9, outcome.games_count, outcome.fingerprint
        )
        return self.version

    def decide(self, found: FileStat | None, version: Version | None, size_bytes: int) -> Decision:
        """Return whether the content may take the place of what is at the target; by the rule of single files."""
        return decide(found, self.replaced, version, size_bytes)

    @property
    def replaced(self) -> Replica | None:
        """The copy whose place the content would take, as the catalog knows it."""
        return replaced_at(self.entry, self.target)

    def job(self, tools: Tools, rate: RateCap) -> TransferJob:
        """Return what a transport is asked to move."""
        return TransferJob(
            source=tools.endpoint_for(self.source.node_id),
            target=tools.endpoint_for(self.target.node_id),
            source_path=self.source.path,
            temp_path=self.temp_path,
            size_bytes=self.stat.size_bytes,
            content_id=self.content_id,
            kind=self.source.kind,
            source_stat=self.stat,
            sha256=self.sha256,
            rate=rate,
            stall_timeout_seconds=tools.policy().engine.stall_timeout_seconds,
            check_source=self.content_id not in tools.checked,
            target_root=self.target.root.path,
            live=self.source.live,
        )

    def request(self) -> PublishRequest:
        """Return what the target's agent is asked to publish."""
        assert self.outcome is not None and self.version is not None
        return PublishRequest(
            temp_path=self.temp_path,
            final_path=self.target.path,
            sha256=self.version.sha256,
            size_bytes=self.version.size_bytes,
            mtime_ns=self.mtime_ns,
            temp_stat=self.outcome.temp_stat,
            expected=self.expected,
            root=self.target.root.path,
            kept_path=stays_as(self.replaced) if self.expected is not None else "",
        )

    def landing(self, tools: Tools, agent: NodeAgent) -> Landing:
        """Return what decides about, and publishes, this file alone."""
        return Landing(tools.catalog, agent, tools.clock, self.transfer.key, self.target)


@dataclass
class Prepared:
    """Which of a batch's transfers travel together, which must go singly and why, and which cannot go at all."""

    items: list[Item]
    singly: list[tuple[Transfer, str]]
    failed: list[tuple[Transfer, SyncdeckError]]


async def prepare(
    tools: Tools, transfers: Sequence[Transfer], source_agent: NodeAgent, target_agent: NodeAgent
) -> Prepared:
    """Look at all sources and targets, a few requests for all. Raises SyncdeckError when a node is lost."""
    prepared = Prepared([], [], [])
    entries = await tools.catalog.get_many([transfer.key for transfer in transfers])
    targets = _Targets(tools.policy(), target_agent)
    found: list[tuple[Transfer, Source, Target]] = []
    async for transfer in in_turns(transfers):
        try:
            source = find_source(entries.get(transfer.key), transfer.key, transfer.source)
            found.append((transfer, source, await targets.of(transfer.key, transfer.target)))
        except Superseded as error:
            prepared.failed.append((transfer, error))
    stats = await source_agent.stat_many([source.path for _, source, _ in found])
    async for (transfer, source, target), stat in in_turns(zip(found, stats, strict=True)):
        if stat is None:
            cause = f"{source.path} is not on {source.node_id} any more"
            missing = Superseded("read", source.path, cause, "it is planned anew from what is there")
            prepared.failed.append((transfer, missing))
        elif (reason := _goes_singly(source, stat)) is not None:
            prepared.singly.append((transfer, reason))
        else:
            prepared.items.append(_item(tools, transfer, entries.get(transfer.key), source, target, stat))
    return prepared


def _item(
    tools: Tools, transfer: Transfer, entry: DataEntry | None, source: Source, target: Target, stat: FileStat
) -> Item:
    unchanged = not source.live and not source.replica.changed and source.replica.stat.same_content_as(stat)
    sha256 = source.replica.sha256 if unchanged else None
    content = content_id(transfer.key, stat, sha256)
    temp_path = tools.names.part(target.path, transfer.id, content)
    return Item(transfer, entry, source, target, stat, content, sha256, temp_path)


def _goes_singly(source: Source, stat: FileStat) -> str | None:
    """Return why a file cannot travel in a batch now, None when it can."""
    if stat.wal_size_bytes or (source.live and not is_growing(source.path)):
        return "it is being written: a snapshot of it goes on its own"
    if not 0 < stat.size_bytes <= LARGEST_FILE_BYTES:
        return f"it has {stat.size_bytes} bytes by now and goes on its own"
    return None


class _Targets:
    """Where keys land at a node, its folders looked at once each."""

    def __init__(self, policy: Policy, agent: NodeAgent) -> None:
        self._policy = policy
        self._agent = agent
        self._roots: dict[tuple[str, DataType], LocationRoot | None] = {}
        self._statuses: dict[tuple[str, str], RootStatus] = {}

    async def of(self, key: EntryKey, location: str) -> Target:
        """Return the place of a key. Raises Superseded when the location may not or cannot receive it now."""
        kind = location, key.data_type
        if kind not in self._roots:
            self._roots[kind] = landing_root(self._policy, *kind)
        root = self._roots[kind]
        status: RootStatus | None = None
        if root is not None:
            status = self._statuses.get((root.location, root.root))
            if status is None:
                status = self._statuses[(root.location, root.root)] = await root_status(self._agent, root)
        root, status = ensure_receives(self._policy, key, location, root, status)
        return Target(root.node_id, location, f"{status.path.rstrip('/')}/{place(key, root)}", status)


async def refreshed(items: Sequence[Item], entries: dict[EntryKey, DataEntry]) -> list[Item]:
    """Return the items with what the catalog holds of their entries now."""
    return [replace(item, entry=entries.get(item.transfer.key)) async for item in in_turns(items)]


def ends(transfer: Transfer) -> tuple[str, str]:
    """Return the nodes of a transfer."""
    return node_of(transfer.source), node_of(transfer.target)
