"""Which demands become moves: sources found, targets checked, space reserved, in order of urgency. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from engine.model import LocationView, Refusal
from engine.planner.context import PlanContext
from engine.planner.guards import guard
from engine.planner.moves import Demand, Move, refusal
from engine.planner.obstacles import Obstacle, obstacle
from engine.planner.sources import Source, find_source
from engine.routing.candidates import RoutingTable
from engine.routing.space import limit_percent, room_bytes
from engine.words import size_text

SAME_CONTENT = "the same content is on its way there under another name"
_NOWHERE = Obstacle(
    "no-target",
    "no safe location receives it",
    "let a durable host receive this type: see `syncdeck config effective`",
)


class Admission:
    """Admits demands one by one; what it admitted takes space from those that follow."""

    def __init__(self, context: PlanContext, table: RoutingTable, allow_fill: bool = False) -> None:
        self._context = context
        self._table = table
        self._percent = limit_percent(context.policy.thresholds, allow_fill)
        self._allow_fill = allow_fill
        self._reserved = dict(context.reserved_bytes)
        self._contents = set(context.live_contents)
        self._keys: set[tuple[str, str]] = set()

    def admit(self, demands: Iterable[Demand]) -> tuple[list[Move], list[Refusal]]:
        """Return the moves, in order of urgency, and a refusal for every demand that none of its targets can take."""
        moves: list[Move] = []
        refused: list[Refusal] = []
        ordered = sorted(demands, key=lambda demand: demand.order)
        for demand in ordered:
            self._note_live(demand)
        for demand in ordered:
            self._admit(demand, moves, refused)
        return moves, refused

    def _admit(self, demand: Demand, moves: list[Move], refused: list[Refusal]) -> None:
        if not demand.targets:
            refused.append(refusal(demand, "", _NOWHERE))
        first: Refusal | None = None
        for target in demand.targets:
            if self._on_its_way(demand, target):
                return
            found = self._try(demand, target)
            if isinstance(found, Move):
                self._take(found)
                moves.append(found)
                return
            first = first or refusal(demand, target, found)
        if first is not None:
            refused.append(first)

    def _note_live(self, demand: Demand) -> None:
        """Remember the contents that are on their way already, under whatever name."""
        current = demand.entry.current
        for target in demand.targets:
            if current is not None and (str(demand.entry.key), target) in self._context.live:
                self._contents.add((current.sha256, target))

    def _on_its_way(self, demand: Demand, target: str) -> bool:
        slot = (str(demand.entry.key), target)
        return slot in self._keys or (slot in self._context.live and not demand.again)

    def source(self, demand: Demand, target: str) -> Source | Obstacle:
        """Return from where a demand could be met, or what stands in its way other than space and order."""
        stopped = self.target_obstacle(demand, target)
        if stopped is not None:
            return stopped
        source = find_source(demand.entry, target, self._context, demand.why.deadline)
        if isinstance(source, Obstacle):
            return source
        return guard(demand.entry, target, source.size_bytes) or source

    def _try(self, demand: Demand, target: str) -> Move | Obstacle:
        entry, source = demand.entry, self.source(demand, target)
        if isinstance(source, Obstacle):
            return source
        stopped: Obstacle | None = None
        if (str(entry.key), target) not in self._context.live:
            stopped = self._same_content(demand, source, target) or self._space(source, target)
        return stopped or Move(demand, source.location, target, source.size_bytes)

    def target_obstacle(self, demand: Demand, target: str) -> Obstacle | None:
        """Return what keeps a location from taking anything of a demand's type, or None."""
        kept_out = self._table.refusal(target, demand.entry.data_type)
        if kept_out is not None:
            because, line = kept_out
            reason = f"{target} does not receive {demand.entry.data_type.value}: {because}"
            remedy = "see `syncdeck config effective`; change that line if it should receive"
            return Obstacle("excluded", reason, remedy, line)
        return obstacle(self._context.locations.get(target), target)

    def _same_content(self, demand: Demand, source: Source, target: str) -> Obstacle | None:
        current = demand.entry.current
        if current is None or source.fresh or (current.sha256, target) not in self._contents:
            return None
        return Obstacle("same-content", SAME_CONTENT, "nothing to do: it follows after that")

    def _space(self, source: Source, target: str) -> Obstacle | None:
        view = self._context.locations[target]
        reserved = self._reserved.get(target, 0)
        room = room_bytes(view, reserved, self._percent)
        if room is None:
            reason = f"the free space of {target} is not known yet"
            return Obstacle("unmeasured", reason, "wait for the next look at it, or look now (n)")
        return None if source.size_bytes <= room else self._full(view, reserved, source.size_bytes)

    def _full(self, view: LocationView, reserved: int, size_bytes: int) -> Obstacle:
        total, used = view.total_bytes or 1, view.used_bytes or 0
        coming = f", {size_text(reserved)} on their way" if reserved else ""
        reason = (
            f"full: {100.0 * used / total:.0f} % used of at most {self._percent:.0f} %{coming};"
            f" {size_text(size_bytes)} do not fit"
        )
        remedy = f"free space on {view.node_id} or raise max_disk_usage_percent"
        if not self._allow_fill:
            remedy += "; an emergency sync (e) may fill it down to min_free_disk_percent"
        return Obstacle("full", reason, remedy, self._context.policy.max_disk_line)

    def _take(self, move: Move) -> None:
        entry, slot = move.demand.entry, (str(move.demand.entry.key), move.target)
        self._keys.add(slot)
        if entry.current is not None:
            self._contents.add((entry.current.sha256, move.target))
        if slot not in self._context.live:
            self._reserved[move.target] = self._reserved.get(move.target, 0) + move.size_bytes
