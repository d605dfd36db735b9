"""Which locations could hold a data type, and which of them a rule's selector picks: worked out once per policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from config.places import decision_at, places
from config.selector import Selector, SelectorError, attributes_of
from config.types import DataType, Policy, RulePlace, RuleSpec
from engine.catalog.roots import landing_locations, location_of_drive
from engine.errors import ErrorClass, SyncdeckError


@dataclass(frozen=True, slots=True)
class Candidate:
    """One location, as rules and choosing see it."""

    location: str
    node_id: str
    provider: str
    durable: bool
    priority: bool
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SelectedPlace:
    """One place of a rule: the candidates that its selector picks, and all the locations that it matches.

    The latter may hold a copy that counts although they receive none, as an excluded origin does.
    """

    place: RulePlace
    members: tuple[Candidate, ...]
    matching: frozenset[str]

    @property
    def counts_only_durable(self) -> bool:
        """Whether copies count only on durable locations: unless the selector asks for others alone."""
        return not self.members or any(member.durable for member in self.members)


def all_locations(policy: Policy) -> tuple[Candidate, ...]:
    """Return every location of a policy, whatever it receives."""
    found = []
    for node, drive in places(policy):
        location = node.node_id if drive is None else location_of_drive(drive)
        attributes = attributes_of(node, drive)
        found.append(Candidate(location, node.node_id, node.provider, node.durable, node.priority, attributes))
    return tuple(found)


def candidates(policy: Policy, everywhere: tuple[Candidate, ...], data_type: DataType) -> tuple[Candidate, ...]:
    """Return the landing locations of every host that receives a type: its drives, else its own folders."""
    landing = {location for node_id in policy.nodes for location in landing_locations(policy, node_id, data_type)}
    return tuple(candidate for candidate in everywhere if candidate.location in landing)


def refusals(policy: Policy, data_type: DataType) -> dict[str, tuple[str, int | None]]:
    """Return, for every location that takes no copies of a type, why not and the line that says so."""
    found: dict[str, tuple[str, int | None]] = {}
    for node, drive in places(policy):
        location = node.node_id if drive is None else location_of_drive(drive)
        landing = landing_locations(policy, node.node_id, data_type)
        if location in landing:
            continue
        decision = decision_at(policy, node, drive, data_type)
        if decision.receives and landing:
            found[location] = (f"{data_type.value} land on the host's external storage {landing[0]}", decision.line)
        elif decision.receives:
            found[location] = ("it has no folder to receive in", node.line)
        else:
            found[location] = (decision.because, decision.line)
    return found


def select(rule: RuleSpec, pool: tuple[Candidate, ...], everywhere: tuple[Candidate, ...]) -> tuple[SelectedPlace, ...]:
    """Return the places of a rule with their members. Raises SyncdeckError for a selector that cannot be read."""
    selected = []
    for place in rule.place:
        selector = _parsed(rule, place)
        matching = frozenset(c.location for c in everywhere if selector.matches(c.attributes))
        selected.append(SelectedPlace(place, tuple(c for c in pool if c.location in matching), matching))
    return tuple(selected)


def _parsed(rule: RuleSpec, place: RulePlace) -> Selector:
    try:
        return Selector.parse(place.selector)
    except SelectorError as error:
        remedy = f"mend the selector of rule {rule.name}" + (f" in line {rule.line}" if rule.line else "")
        raise SyncdeckError("route by", rule.name, f"{place.selector}: {error}", remedy, ErrorClass.CONFIG) from error


class RoutingTable:
    """What one policy says of every location, rule and type: worked out once, used for many entries."""

    def __init__(self, policy: Policy) -> None:
        """Raises SyncdeckError (later, in ``places``) for a selector that cannot be read."""
        self.policy = policy
        self.everywhere = all_locations(policy)
        self._candidates = {kind: candidates(policy, self.everywhere, kind) for kind in DataType}
        self._by_location = {kind: {c.location: c for c in found} for kind, found in self._candidates.items()}
        self._refusals = {data_type: refusals(policy, data_type) for data_type in DataType}
        self._selected: dict[tuple[int, DataType], tuple[SelectedPlace, ...]] = {}

    def candidates(self, data_type: DataType) -> tuple[Candidate, ...]:
        """Return the locations that receive a data type."""
        return self._candidates[data_type]

    def refusals(self, data_type: DataType) -> Mapping[str, tuple[str, int | None]]:
        """Return why each other location does not, and the line that says so."""
        return self._refusals[data_type]

    def refusal(self, location: str, data_type: DataType) -> tuple[str, int | None] | None:
        """Return why a location takes no copies of a type and the line that says so; None when it does."""
        if location in self._by_location[data_type]:
            return None
        unknown = (f"{location} is no location of {self.policy.file}", None)
        return self._refusals[data_type].get(location, unknown)

    def places(self, rule: RuleSpec, data_type: DataType) -> tuple[SelectedPlace, ...]:
        """Return the places of a rule of this policy with the locations that they pick."""
        slot = (id(rule), data_type)
        if slot not in self._selected:
            self._selected[slot] = select(rule, self._candidates[data_type], self.everywhere)
        return self._selected[slot]
