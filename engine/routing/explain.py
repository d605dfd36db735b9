"""Why an entry is, or is not, to be at a node: everything that had a say, from the real router and planner. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from config.selector import Selector, SelectorError, attributes_of
from config.types import RuleSpec
from engine.catalog.roots import landing_locations
from engine.locations import node_of
from engine.model import DataEntry
from engine.planner.context import PlanContext
from engine.planner.planner import SyncPlanner
from engine.routing.candidates import RoutingTable
from engine.routing.holding import holding, replica_at
from engine.routing.matching import deciding_rule, matches
from engine.routing.placement import Placement, Slot
from engine.routing.router import Router
from engine.routing.space import limit_percent, room_bytes
from engine.views_rules import ExplainView
from engine.words import size_text

Line = tuple[str, int | None]


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a node beside the plan: breakers that are open, by transport, and transfers that are held."""

    breakers: tuple[str, ...] = ()
    transfers: tuple[str, ...] = ()


def explain(entry: DataEntry, node: str, context: PlanContext, standing: Standing = Standing()) -> ExplainView:
    """Return what decides about an entry at a node, what stands in its way and what would mend it."""
    policy = context.policy
    table = RoutingTable(policy)
    placement = Router(policy, context.locations, context.reserved_bytes, table=table).explain(entry, context.now)
    slots = [slot for slot in placement.slots if slot.location == node or node_of(slot.location) == node]
    wanted = [slot for slot in slots if slot.wanted]
    held = any(location == node or node_of(location) == node for location in holding(entry))
    rule = deciding_rule(entry, policy, context.now)
    because = (*_node_lines(entry, node, context), *_rule_lines(entry, node, rule, context), *_slot_lines(slots))
    way, remedy = _in_the_way(entry, node, wanted, context)
    if wanted and not all(slot.held for slot in wanted):
        way = (*way, *standing.breakers, *standing.transfers)
    return ExplainView(
        key=str(entry.key),
        node=node,
        wanted=bool(wanted),
        held=held,
        verdict=_verdict(entry, node, wanted, held, way, placement),
        because=because,
        in_the_way=way,
        remedy=remedy or _idle_remedy(node, wanted, slots),
    )


def _node_lines(entry: DataEntry, node: str, context: PlanContext) -> Iterator[Line]:
    policy = context.policy
    name = node_of(node)
    spec = policy.nodes.get(name)
    if spec is None:
        yield f"{name} is not a host of {policy.file}", None
        return
    yield f"{name} has status {spec.status}" + ("" if spec.enabled else " and is switched off"), spec.line
    decision = policy.receives(name, entry.data_type)
    does = "receives" if decision.receives else "does not receive"
    where = " on its external storage only" if decision.external_only else ""
    yield f"{name} {does} {entry.data_type.value}{where}: {decision.because}", decision.line
    for drive in spec.drives:
        yield f"{name} has the external storage {drive.path}", drive.line
    landing = landing_locations(policy, name, entry.data_type)
    if landing:
        yield f"{entry.data_type.value} land at {', '.join(landing)}", None
    for location in landing or (name,):
        yield from _disk_lines(location, context)


def _disk_lines(location: str, context: PlanContext) -> Iterator[Line]:
    view = context.locations.get(location)
    if view is None or view.total_bytes is None or view.used_bytes is None:
        return
    percent = limit_percent(context.policy.thresholds)
    room = room_bytes(view, context.reserved_bytes.get(location, 0), percent) or 0
    used = 100.0 * view.used_bytes / view.total_bytes
    said = f"{location} is {used:.0f} % full of at most {percent:.0f} %: "
    said += f"room for {size_text(room)}" if room > 0 else "no room"
    yield said, context.policy.max_disk_line


def _rule_lines(entry: DataEntry, node: str, rule: RuleSpec | None, context: PlanContext) -> Iterator[Line]:
    policy = context.policy
    for earlier in policy.rules:
        if earlier is rule:
            break
        if earlier.line is not None and not matches(earlier.match, entry, policy.nodes, context.now):
            yield f"rule {earlier.name}{_of_file(earlier)} does not match this file", earlier.line
    if rule is None:
        yield "no rule matches this file", None
        return
    yield f"rule {rule.name}{_of_file(rule)} decides: the first that matches", rule.line
    spec = policy.nodes.get(node_of(node))
    if spec is None:
        return
    drives = [drive for drive in spec.drives if node in (spec.node_id, f"{spec.node_id}:{drive.path}")]
    for place in rule.place:
        copies = "every place" if place.copies is None else f"{place.copies} copies"
        yield f"rule {rule.name} wants {copies} of {place.selector}", rule.line
        for drive in (None, *drives):
            attributes = attributes_of(spec, drive)
            where = spec.node_id if drive is None else f"{spec.node_id}:{drive.path}"
            for atom, holds in _atoms(place.selector, attributes):
                yield f"{where}: {atom} is {'true' if holds else 'false'}", rule.line


def _atoms(selector: str, attributes: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    """Yield each part of a selector that is true or false by itself, then the whole where it has several."""
    parts = [part.strip(" ()!") for part in selector.replace("|", "&").split("&")]
    for part in parts:
        try:
            yield part, Selector.parse(part).matches(attributes)
        except SelectorError:
            # A quoted value may hold one of the signs: then only the whole can be told.
            continue
    if len(parts) > 1 or selector.strip().startswith("!"):
        yield selector, Selector.parse(selector).matches(attributes)


def _slot_lines(slots: list[Slot]) -> Iterator[Line]:
    for slot in slots:
        said = "wanted" if slot.wanted else "not wanted"
        yield f"{slot.location}: {said}, {'held' if slot.held else 'not held'}; {slot.because}", slot.line


def _in_the_way(entry: DataEntry, node: str, wanted: list[Slot], context: PlanContext) -> tuple[tuple[str, ...], str]:
    """Return the planner's own refusals, in words, and the first remedy."""
    result = SyncPlanner().plan_replication([entry], context)
    targets = {slot.location for slot in wanted}
    refused = [refusal for refusal in result.refused if refusal.location in targets]
    way = [f"{refusal.location}: {refusal.reason}" for refusal in refused]
    return tuple(way), refused[0].remedy if refused else ""


def _verdict(
    entry: DataEntry, node: str, wanted: list[Slot], held: bool, way: tuple[str, ...], placement: Placement
) -> str:
    there = next((r for slot in wanted if (r := replica_at(entry, slot.location)) is not None), None)
    if wanted and all(slot.held for slot in wanted):
        return f"{node} is to hold it, and does"
    if wanted and way:
        return f"{node} is to hold it and cannot get it now"
    if wanted and there is not None:
        return f"{node} is to hold it: newer content than its copy is wanted there"
    if wanted:
        return f"{node} is to hold it: a copy is due"
    if held:
        return f"{node} holds it, and no rule wants it there"
    return f"{node} is not to hold it" + (f" (rule {placement.rule})" if placement.rule else "")


def _idle_remedy(node: str, wanted: list[Slot], slots: list[Slot]) -> str:
    if wanted:
        return ""
    lines = sorted({slot.line for slot in slots if slot.line is not None})
    if lines:
        return f"change line {lines[0]}, or a rule that matches it, if {node} should hold it"
    return f"write a rule that places it on {node} if it should hold it"


def _of_file(rule: RuleSpec) -> str:
    return f" of {rule.file}" if rule.file else ""
