"""Where a transfer reads and where it lands: from the catalog's copy and from the configured roots."""

from __future__ import annotations

from dataclasses import dataclass

from config.classify import classify
from config.types import Policy
from engine.catalog.keys import KeyMapError, place
from engine.catalog.roots import LocationRoot, landing_root, roots_of
from engine.errors import ErrorClass, TransferError
from engine.execution.verdicts import Superseded
from engine.locations import node_of
from engine.model import DataEntry, EntryKey, FileKind, LocationState, Replica, ReplicaState
from engine.remote.agent.growing import is_growing
from engine.remote.types import NodeAgent, RootStatus, ScanRoot

UNFIT = frozenset({ReplicaState.BAD, ReplicaState.QUARANTINED, ReplicaState.DELETING, ReplicaState.DIVERGED})


@dataclass(frozen=True, slots=True)
class Packed:
    """An archive that is read instead of a file. ``scratch``: a folder of its location that every scan looks at."""

    location: str
    path: str
    root: str
    codec: str
    sha256: str
    size_bytes: int
    mtime_ns: int
    scratch: str
    scratch_root: str


@dataclass(frozen=True, slots=True)
class Source:
    """The copy that is read. ``live``: written to at its origin (a database, a growing log): a snapshot is sent."""

    node_id: str
    location: str
    replica: Replica
    kind: FileKind
    live: bool
    packed: Packed | None = None

    @property
    def path(self) -> str:
        """Absolute path on the source node."""
        return self.replica.path


@dataclass(frozen=True, slots=True)
class Target:
    """The place that is written: absolute final path, and the root it lies in as it is right now."""

    node_id: str
    location: str
    path: str
    root: RootStatus


def find_source(entry: DataEntry | None, key: EntryKey, location: str) -> Source:
    """Return the copy to read. Raises Superseded when the location no longer holds one that may travel."""
    replica = replica_at(entry, location)
    if replica is None:
        cause = f"{location} holds no copy any more"
        raise Superseded("find", str(key), cause, "it is planned anew from what is there")
    if replica.state in UNFIT:
        raise Superseded("find", str(key), f"the copy at {location} is {replica.state.value}", "it is planned anew")
    node_id = node_of(location)
    kind = FileKind(classify(replica.path).kind)
    written_here = key.origin == node_id
    live = (kind is FileKind.SQLITE and (written_here or replica.stat.wal_size_bytes > 0)) or (
        written_here and is_growing(replica.path)
    )
    return Source(node_id, location, replica, kind, live)


def replica_at(entry: DataEntry | None, location: str) -> Replica | None:
    """Return what the catalog knows of an entry at one location."""
    if entry is None:
        return None
    return next((replica for replica in entry.replicas if replica.location == location), None)


async def find_target(policy: Policy, agent: NodeAgent, key: EntryKey, location: str, back: bool = False) -> Target:
    """Return where a key lands at a location; asks the node for the root's real path, mount and space.

    Raises Superseded when the location may not or cannot receive it now: the next plan says so, visibly.
    """
    root = landing_root(policy, location, key.data_type) if not back else _root_of(policy, location, key)
    status = await root_status(agent, root) if root is not None else None
    root, status = ensure_receives(policy, key, location, root, status, back)
    return Target(root.node_id, location, f"{status.path.rstrip('/')}/{place(key, root)}", status)


def _root_of(policy: Policy, location: str, key: EntryKey) -> LocationRoot | None:
    """Return the root of a location that has a place for a key: its own, else where copies of its type land."""
    for root in roots_of(policy, node_of(location)):
        if root.location == location:
            try:
                place(key, root)
            except KeyMapError:
                continue
            return root
    return None


def ensure_receives(
    policy: Policy,
    key: EntryKey,
    location: str,
    root: LocationRoot | None,
    status: RootStatus | None,
    back: bool = False,
) -> tuple[LocationRoot, RootStatus]:
    """Return the root and its status where a location may and can receive a key now. Raises Superseded.

    ``back``: an operator has it restored there, which takes no rule.
    """
    decision = policy.receives(node_of(location), key.data_type)
    if root is None or status is None or not (decision.receives or back):
        because = decision.because if not decision.receives else "the location is not configured"
        cause = f"{location} does not receive {key.data_type.value} any more: {because}"
        raise Superseded("place", str(key), cause, "see `syncdeck config effective`", ErrorClass.CONFIG)
    if status.state is not LocationState.AVAILABLE:
        cause = f"{location} is {status.state.value}"
        remedy = f"make {status.path} available on {root.node_id}"
        raise Superseded("place", str(key), cause, remedy, ErrorClass.NOT_FOUND)
    return root, status


async def source_root(policy: Policy, agent: NodeAgent, source: Source) -> RootStatus:
    """Return the disk usage of the root that a source file lies in. Raises TransferError when none holds it."""
    roots = [root for root in roots_of(policy, source.node_id) if root.location == source.location]
    statuses = await agent.usage([_scan_root(root) for root in roots])
    holding = [s for s in statuses if source.path.startswith(s.path.rstrip("/") + "/")]
    if not holding:
        raise TransferError(
            "find",
            source.path,
            f"it lies in none of the folders of {source.location}",
            "it is found again by the next scan",
            ErrorClass.NOT_FOUND,
        )
    return max(holding, key=lambda status: len(status.path))


def configured_root(policy: Policy, location: str, path: str) -> str:
    """Return the root of a location that a file seems to lie in, as it is written: its node resolves it. "" where the
    configuration has none."""
    roots = [root.root for root in roots_of(policy, node_of(location)) if root.location == location]
    holding = [root for root in roots if path.startswith(root.rstrip("/") + "/")]
    return max(holding, key=len) if holding else next((root for root in roots if root.startswith("~")), "")


async def root_status(agent: NodeAgent, root: LocationRoot) -> RootStatus:
    """Return one root's real path, state and usage as they are now."""
    statuses = await agent.usage([_scan_root(root)])
    return statuses[0]


def _scan_root(root: LocationRoot) -> ScanRoot:
    return ScanRoot(root.location, root.root, root.scan_folders, root.must_be_mounted)
