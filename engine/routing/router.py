"""Where entries belong: rules applied to entries. Pure; one router serves many entries of one moment."""

from __future__ import annotations

from collections.abc import Mapping, Set

from config.types import Policy, RuleSpec
from engine.model import DataEntry, LocationView
from engine.routing.candidates import RoutingTable
from engine.routing.ground import Ground
from engine.routing.holding import holding
from engine.routing.matching import deciding_rule
from engine.routing.placement import Placement, Slot
from engine.routing.space import limit_percent

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
    ) -> None:
        """``table`` is that of the same policy, where the caller has one; ``reserved_bytes`` by location."""
        self._policy = policy
        self.table = table or RoutingTable(policy)
        percent = limit_percent(policy.thresholds, allow_fill)
        self._ground = Ground(self.table, locations, reserved_bytes or {}, percent)

    def route(self, entry: DataEntry, now: float, in_flight: Set[str] = _NOBODY) -> Placement:
        """Return where an entry belongs, with slots for the wanted locations only.

        ``in_flight`` are the locations to which a copy is already on its way.
        """
        rule = deciding_rule(entry, self._policy, now)
        held, ground = holding(entry), self._ground
        standing = ground.standing(entry, held, in_flight)
        counting = frozenset(ground.bits.names(standing.held & ground.durable))
        if rule is None:
            return Placement("", None, None, (), 0, counting)
        seat, usable = ground.seat(rule, entry.data_type), ground.usable(entry.size_bytes)
        reasons = {location: (f"rule {rule.name}: {said}", rule.line) for location, said in seat.said.items()}
        wanted = seat.everywhere
        for place in seat.counted:
            because = (f"rule {rule.name}: {place.said}", self._line_of(rule))
            stays, choice = ground.place(place, wanted, standing, usable)
            chosen = choice.made_for(str(entry.key)) if choice is not None else ()
            for location in (*ground.bits.names(stays), *chosen):
                reasons.setdefault(location, because)
            wanted |= stays | ground.bits.all_of(chosen)
        slots = tuple(Slot(loc, True, loc in held, *reasons[loc]) for loc in sorted(reasons))
        copies = ground.copies_wanted(seat, wanted, standing)
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

    def _line_of(self, rule: RuleSpec) -> int | None:
        return rule.line if rule.line is not None else self._policy.replication_target_line
