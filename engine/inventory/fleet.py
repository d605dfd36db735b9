"""What is known of each node and location right now: reachability, mounts, disk usage, pauses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from config.types import Policy
from engine.catalog.roots import LocationRoot, roots_of
from engine.errors import ErrorClass, NodeUnreachable
from engine.integrity.leftovers import Leftovers
from engine.locations import node_of
from engine.model import LocationState, LocationView, NodeState, StorageSample
from engine.planner.draining import policy_without
from engine.remote.types import Endpoint, RootStatus, ScanRoot

OBSERVING = "the engine only observes: it moves nothing until it is told to run"
EVERYWHERE = "*"
"""Stands among the paused nodes for all of them."""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One node's reachability, and why it is so."""

    state: NodeState = NodeState.UNKNOWN
    reason: str = "not looked at yet"
    remedy: str = ""
    last_seen_at: float | None = None
    last_scan_at: float | None = None
    down_since: float | None = None
    old_daemons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LocationStatus:
    """One location's folder and file system, as last sampled."""

    state: LocationState = LocationState.UNKNOWN
    path: str = ""
    total_bytes: int | None = None
    used_bytes: int | None = None
    sampled_at: float | None = None


@dataclass
class Fleet:
    """The engine's picture of the nodes. Owned by the event loop; nothing else may change it."""

    policy: Policy
    own_node: str
    nodes: dict[str, NodeStatus] = field(default_factory=dict)
    locations: dict[str, LocationStatus] = field(default_factory=dict)
    root_paths: dict[tuple[str, str], str] = field(default_factory=dict)
    """(location, root as configured) -> absolute path on the node."""
    root_states: dict[tuple[str, str], LocationState] = field(default_factory=dict)
    """(location, root as configured) -> what its node's last answer said of it."""
    unreadable: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """(location, root as configured) -> what the last scan could not look at there: folders, and names that cannot be
    stored (spelled out)."""
    leftovers: dict[str, tuple[Leftovers, ...]] = field(default_factory=dict)
    """Node -> what its last scan found that other engines left there."""
    paused: set[str] = field(default_factory=set)
    observing: bool = False
    """Whether the engine only looks and plans: then every node is closed."""
    disk_allowed: Callable[[str], float | None] = lambda node: None
    """Returns the disk limit in percent that an operator set for a node for a time, or None."""
    draining: frozenset[str] = frozenset()
    """Nodes that are being emptied: nothing new is placed there. ``drain`` sets them."""
    written: Policy | None = None
    """The policy as the file says it; ``policy`` is that without the nodes that are drained."""

    def apply_policy(self, policy: Policy) -> None:
        """Take a new policy: hosts that left are forgotten, new ones start unknown."""
        self.written = policy
        self.policy = policy_without(policy, self.draining)
        for gone in set(self.nodes) - set(policy.nodes):
            del self.nodes[gone]
        known = {root.location for root in self.roots()}
        for location in set(self.locations) - known:
            del self.locations[location]
        for gone in set(self.leftovers) - set(policy.nodes):
            del self.leftovers[gone]
        for place in [place for place in self.unreadable if place[0] not in known]:
            del self.unreadable[place]
        configured = {(root.location, root.root) for root in self.roots()}
        for place in set(self.root_states) - configured:
            del self.root_states[place]
        for node in policy.nodes.values():
            if not self.uses(node.node_id):
                reason = f"status {node.status}" if node.status != "ready" else "holds no data"
                self.nodes[node.node_id] = NodeStatus(NodeState.UNUSED, reason)
            elif self.status(node.node_id).state is NodeState.UNUSED:
                self.nodes[node.node_id] = NodeStatus()

    def drain(self, nodes: Iterable[str]) -> None:
        """Let exactly these nodes be drained from now on."""
        self.draining = frozenset(nodes)
        self.written = self.written or self.policy
        self.policy = policy_without(self.written, self.draining)

    def uses(self, node_id: str) -> bool:
        """Return whether the engine talks to this node at all."""
        node = self.policy.nodes.get(node_id)
        return node is not None and node.ready and (node.root is not None or bool(node.drives))

    def roots(self, node_id: str | None = None) -> tuple[LocationRoot, ...]:
        """Return the scanned folder trees of one node, or of all used ones."""
        chosen: Iterable[str] = (node_id,) if node_id is not None else self.policy.nodes
        return tuple(root for name in chosen if self.uses(name) for root in roots_of(self.policy, name))

    def scan_roots(self, node_id: str) -> tuple[ScanRoot, ...]:
        """Return what the node's agent is asked to scan."""
        return tuple(
            ScanRoot(root.location, root.root, root.scan_folders, root.must_be_mounted) for root in self.roots(node_id)
        )

    def status(self, node_id: str) -> NodeStatus:
        """Return a node's status; an unknown node's is UNKNOWN."""
        return self.nodes.get(node_id, NodeStatus())

    def restore_node(self, node_id: str, state: NodeState, reason: str, remedy: str, seen_at: float | None) -> None:
        """Take over what an earlier run knew of a node: one that did not answer then has been silent since."""
        silent = state not in (NodeState.UP, NodeState.UNKNOWN, NodeState.UNUSED)
        self.nodes[node_id] = NodeStatus(state, reason, remedy, seen_at, down_since=seen_at if silent else None)

    def node_up(self, node_id: str, now: float) -> None:
        """Record that a node answered."""
        self.nodes[node_id] = replace(
            self.status(node_id), state=NodeState.UP, reason="", remedy="", last_seen_at=now, down_since=None
        )

    def node_down(self, node_id: str, state: NodeState, reason: str, remedy: str, now: float) -> None:
        """Record that a node did not answer, and how."""
        before = self.status(node_id)
        since = before.down_since if before.down_since is not None else now
        self.nodes[node_id] = replace(before, state=state, reason=reason, remedy=remedy, down_since=since)
        for location, held in self.locations.items():
            if node_of(location) == node_id:
                self.locations[location] = replace(held, state=LocationState.UNKNOWN)

    def root_seen(self, status: RootStatus, now: float) -> None:
        """Record what the node said of one root. A location takes copies when all of its roots are available."""
        self.root_paths[(status.location, status.root)] = status.path
        self.root_states[(status.location, status.root)] = status.state
        before = self.locations.get(status.location)
        worse = before is not None and before.sampled_at == now and before.state is not LocationState.AVAILABLE
        if worse and status.state is LocationState.AVAILABLE:
            return
        self.locations[status.location] = LocationStatus(
            status.state, status.path, status.total_bytes, status.used_bytes, now
        )

    def unreadable_folders(self) -> Mapping[str, tuple[str, ...]]:
        """Return, by location, the absolute paths of the folders and names that the last scan could not look at."""
        found: dict[str, tuple[str, ...]] = {}
        for (location, root), folders in self.unreadable.items():
            base = self.root_paths.get((location, root), root).rstrip("/")
            paths = tuple(f"{base}/{folder}".rstrip("/") for folder in folders)
            found[location] = found.get(location, ()) + paths
        return {location: paths for location, paths in found.items() if paths}

    def left_by_others(self) -> tuple[Leftovers, ...]:
        """Return what other engines left, by node and location."""
        return tuple(left for node in sorted(self.leftovers) for left in self.leftovers[node])

    def location_views(self, failing: frozenset[str] = frozenset()) -> Mapping[str, LocationView]:
        """Return the planner's view of every location of the policy."""
        views: dict[str, LocationView] = {}
        for root in self.roots():
            if root.location in views:
                continue
            node = self.policy.nodes[root.node_id]
            held = self.locations.get(root.location, LocationStatus())
            status = self.status(root.node_id)
            views[root.location] = LocationView(
                location=root.location,
                node_id=root.node_id,
                is_drive=root.is_drive,
                state=held.state,
                node_state=status.state,
                durable=node.durable,
                provider=node.provider,
                region=node.region,
                total_bytes=held.total_bytes,
                used_bytes=held.used_bytes,
                allowed_percent=self.disk_allowed(root.node_id),
                paused=self.is_paused(root.node_id),
                everything_paused=self.everything_paused,
                failing=root.node_id in failing,
                draining=root.node_id in self.draining,
                readable_roots=self._readable_roots(root.location, held.state),
            )
        return views

    def _readable_roots(self, location: str, state: LocationState) -> tuple[str, ...]:
        if state in (LocationState.AVAILABLE, LocationState.UNKNOWN):
            return ()
        readable = [place for place, seen in self.root_states.items() if seen is LocationState.AVAILABLE]
        return tuple(self.root_paths[place] for place in sorted(readable) if place[0] == location)

    @property
    def everything_paused(self) -> bool:
        """Whether an operator paused the whole fleet."""
        return EVERYWHERE in self.paused

    def is_paused(self, node_id: str) -> bool:
        """Return whether an operator paused this node, or everything."""
        return self.everything_paused or node_id in self.paused

    def closed_nodes(self) -> dict[str, str]:
        """Return the nodes that no transfer may be started with now, and why."""
        if self.observing:
            return dict.fromkeys(self.policy.nodes, OBSERVING)
        return self._closed()

    def open_nodes(self) -> frozenset[str]:
        """Return the nodes that answer, and that nobody paused; they may be read from while the engine observes."""
        closed = self._closed()
        up = (node for node in self.policy.nodes if self.status(node).state is NodeState.UP)
        return frozenset(node for node in up if node not in closed)

    def _closed(self) -> dict[str, str]:
        closed: dict[str, str] = {}
        for node_id in self.policy.nodes:
            status = self.status(node_id)
            if self.is_paused(node_id):
                closed[node_id] = "everything is paused" if self.everything_paused else f"{node_id} is paused"
            elif status.state is NodeState.UNUSED:
                closed[node_id] = f"{node_id} is not in use: {status.reason}"
            elif status.state not in (NodeState.UP, NodeState.UNKNOWN):
                closed[node_id] = f"{node_id} is {status.state.value}: {status.reason}"
        return closed

    def restore_location(self, location: str, state: LocationState, path: str | None) -> None:
        """Take over what the last look at a location found, for planning without any node."""
        before = self.locations.get(location, LocationStatus())
        self.locations[location] = replace(before, state=state, path=path or "")

    def restore_usage(self, location: str, sample: StorageSample) -> None:
        """Take over how full a location was when it was last looked at; its state stays unknown."""
        before = self.locations.get(location, LocationStatus())
        self.locations[location] = replace(
            before, total_bytes=sample.total_bytes, used_bytes=sample.used_bytes, sampled_at=sample.at
        )

    def endpoint(self, node_id: str) -> Endpoint:
        """Return how to start commands on a node; raises NodeUnreachable for one that left the configuration."""
        if node_id == self.own_node:
            return Endpoint(node_id, local=True)
        node = self.policy.nodes.get(node_id)
        if node is None:
            raise NodeUnreachable(
                "reach",
                node_id,
                "it is no host of the configuration any more",
                "put it back into the configuration, or leave it",
                ErrorClass.CONFIG,
                NodeState.UNUSED.value,
            )
        return Endpoint(node_id, False, node.addresses, node.user, node.identity_file)
