"""Where entries belong: rules applied to entries. Pure; one router serves many entries of one moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

from config.types import Policy, RuleSpec
from engine.model import DataEntry, LocationState, LocationView, NodeState, ReplicaState
from engine.routing.candidates import Candidate, RoutingTable, SelectedPlace
from engine.routing.choosing import Choice, Option
from engine.routing.holding import holding, obstructed, origin_replica, replica_at
from engine.routing.matching import deciding_rule
from engine.routing.placement import Placement, Slot
from engine.routing.space import limit_percent, room_bytes

_NOBODY: frozenset[str] = frozenset()


def wanted(entry: DataEntry, policy: Policy, locations: Mapping[str, LocationView], now: float) -> Placement:
    """Return where an entry belongs and why, with a slot for every location. For many entries make one Router."""
    return Router(policy, locations).explain(entry, now)


class Router:
    """Applies one policy to entries, given what is known of the locations at one moment."""

    def __init__(
        self,
        policy: Policy,
        locations: Mapping[str, LocationView],
        reserved_bytes: Mapping[str, int] | None = None,
        allow_fill: bool = False,
        table: RoutingTable | None = None,
        on_choice: Callable[[Choice], None] | None = None,
    ) -> None:
        """``table`` is that of the same policy, where the caller has one; ``reserved_bytes`` by location.

        ``on_choice`` hears of every choice between locations before it is made.
        """
        self._policy = policy
        self._locations = locations
        self._reserved = reserved_bytes or {}
        self._percent = limit_percent(policy.thresholds, allow_fill)
        self.table = table or RoutingTable(policy)
        self._on_choice = on_choice
        self._standings: dict[str, tuple[bool, int | None]] = {}

    def route(self, entry: DataEntry, now: float, in_flight: Set[str] = _NOBODY) -> Placement:
        """Return where an entry belongs, with slots for the wanted locations only.

        ``in_flight`` are the locations to which a copy is already on its way.
        """
        rule = deciding_rule(entry, self._policy, now)
        held = holding(entry)
        counting = frozenset(loc for loc in held if self._durable(loc))
        if rule is None:
            return Placement("", None, None, (), 0, counting)
        reasons: dict[str, tuple[str, int | None]] = {}
        copies = 0
        for selected in self.table.places(rule, entry.data_type):
            if selected.place.copies is None:
                said = f"rule {rule.name}: {selected.place.selector}"
                for member in selected.members:
                    reasons.setdefault(member.location, (said, rule.line))
        for selected in self.table.places(rule, entry.data_type):
            if selected.place.copies is not None:
                copies = max(copies, selected.place.copies)
                self._add_copies(entry, rule, selected, reasons, held, in_flight)
        slots = tuple(Slot(loc, True, loc in held, *reasons[loc]) for loc in sorted(reasons))
        if not copies:
            durable = {loc for loc in reasons if self._durable(loc)}
            copies = min(self._policy.replication_target, len(durable | counting))
        return Placement(rule.name, rule.line, rule, slots, copies, counting)

    def explain(self, entry: DataEntry, now: float) -> Placement:
        """Return where an entry belongs and why, with a slot for every location of the policy."""
        placement = self.route(entry, now)
        held = holding(entry)
        slots = {slot.location: slot for slot in placement.slots}
        idle = f"rule {placement.rule} has its {placement.copies_wanted} copies elsewhere or does not choose it"
        for candidate in self.table.candidates(entry.data_type):
            location = candidate.location
            because = idle if placement.rule else "no rule matches this file"
            slots.setdefault(location, Slot(location, False, location in held, because, placement.line))
        for location, (because, line) in self.table.refusals(entry.data_type).items():
            slots.setdefault(location, Slot(location, False, location in held, because, line))
        for location in sorted(held - slots.keys()):
            slots[location] = Slot(location, False, True, "it is no location of the configuration any more", None)
        ordered = tuple(slots[location] for location in sorted(slots))
        spec, counting = placement.spec, placement.counting
        return Placement(placement.rule, placement.line, spec, ordered, placement.copies_wanted, counting)

    def _durable(self, location: str) -> bool:
        view = self._locations.get(location)
        return view is not None and view.durable and not view.draining

    def _add_copies(
        self,
        entry: DataEntry,
        rule: RuleSpec,
        selected: SelectedPlace,
        reasons: dict[str, tuple[str, int | None]],
        held: frozenset[str],
        in_flight: Set[str],
    ) -> None:
        """Add locations until ``copies`` of what the selector matches hold the entry: first those that do or will."""
        copies = selected.place.copies or 0
        any_counts = not selected.counts_only_durable
        blocked, size = obstructed(entry, held), entry.size_bytes
        own = origin_replica(entry)
        members = {member.location for member in selected.members}
        certain = {loc for loc in reasons if loc in held or (loc not in blocked and self._usable(loc, size))}
        certain |= {loc for loc in held if loc not in members or (own is not None and loc == own.location)}
        staying = {loc for loc in certain & selected.matching if not self._leaving(loc)}
        counted = {loc for loc in staying if any_counts or self._durable(loc)}
        because = (f"rule {rule.name}: {copies} copies on {selected.place.selector}", self._line_of(rule))
        for location in counted & members:
            reasons.setdefault(location, because)
        if len(counted) >= copies:
            return
        options = [
            self._option(member, entry, member.location in in_flight, held, blocked)
            for member in selected.members
            if member.location not in counted and member.location not in reasons and (any_counts or member.durable)
        ]
        providers = {self._provider(loc) for loc in counted}
        choice = Choice(options, copies - len(counted), providers)
        if self._on_choice is not None:
            self._on_choice(choice)
        for location in choice.made_for(str(entry.key)):
            reasons[location] = because

    def _leaving(self, location: str) -> bool:
        view = self._locations.get(location)
        return view is not None and view.draining

    def _line_of(self, rule: RuleSpec) -> int | None:
        return rule.line if rule.line is not None else self._policy.replication_target_line

    def _provider(self, location: str) -> str:
        view = self._locations.get(location)
        return view.provider if view is not None else ""

    def _option(self, member: Candidate, entry: DataEntry, coming: bool, held: Set[str], blocked: Set[str]) -> Option:
        location = member.location
        there = replica_at(entry, location)
        return Option(
            location,
            member.provider,
            usable=location not in blocked and self._usable(location, entry.size_bytes),
            priority=member.priority,
            free_bytes=self._standing(location)[1],
            settled=coming or location in held,
            known=there is not None and there.state is ReplicaState.STALE,
        )

    def _usable(self, location: str, size_bytes: int) -> bool:
        """Return whether a location can take this copy now, as far as is known; not looked at yet is no refusal."""
        open_now, room = self._standing(location)
        return open_now and (room is None or size_bytes <= room)

    def _standing(self, location: str) -> tuple[bool, int | None]:
        """Return whether a location takes copies now, and its room; worked out once, for this is asked very often."""
        known = self._standings.get(location)
        if known is None:
            known = self._standings[location] = self._look(location)
        return known

    def _look(self, location: str) -> tuple[bool, int | None]:
        view = self._locations.get(location)
        if view is None:
            return False, None
        room = room_bytes(view, self._reserved.get(location, 0), self._percent)
        usable = view.state in (LocationState.AVAILABLE, LocationState.UNKNOWN)
        reachable = view.node_state in (NodeState.UP, NodeState.UNKNOWN)
        return usable and reachable and not view.paused and not view.failing, room
