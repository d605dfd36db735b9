"""How bandwidth is shared out: nobody passes a limit, nothing idles, the urgent go first, the idle give back."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.types import BandwidthSettings, EngineSettings
from engine.clock import ManualClock
from engine.model import SyncPriority
from engine.transport.bandwidth.allocator import WEIGHTS, BandwidthAllocator, Flow
from engine.transport.bandwidth.limits import FLEET, OperatorLimit
from engine.transport.bandwidth.sharing import Demand, share
from engine.transport.bandwidth.urgency import share_with_urgent
from engine.transport.rates import RateCap

NODES = ["a", "b", "c", "d"]
MB = 1_000_000

flows = st.lists(
    st.tuples(
        st.sampled_from(NODES),
        st.sampled_from(NODES),
        st.sampled_from(sorted(WEIGHTS.values())),
        st.none() | st.floats(1.0, 1e9),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)
capacities = st.dictionaries(st.sampled_from([FLEET, *NODES]), st.floats(1.0, 1e9))


def demands_of(rows: list[tuple[str, str, float, float | None, bool]]) -> list[Demand]:
    return [Demand(i, (FLEET, s, t), weight, most) for i, (s, t, weight, most, _) in enumerate(rows)]


def load(demands: list[Demand], given_out: Mapping[int, float | None], link: str) -> float:
    return sum(given_out[d.id] or 0.0 for d in demands if link in d.links)


@given(flows, capacities)
def test_no_limit_is_passed_in_sum_and_nobody_could_have_more(
    rows: list[tuple[str, str, float, float | None, bool]], capacity: dict[str, float]
) -> None:
    demands = demands_of(rows)
    given_out = share(demands, capacity)
    for link, limit in capacity.items():
        assert load(demands, given_out, link) <= limit * (1 + 1e-6)
    for demand in demands:
        amount = given_out[demand.id]
        if amount is None:
            assert not set(demand.links) & capacity.keys() and demand.most is None
            continue
        full = [link for link in demand.links if link in capacity]
        held = [link for link in full if load(demands, given_out, link) >= capacity[link] * (1 - 1e-6)]
        assert held or (demand.most is not None and amount >= demand.most * (1 - 1e-6))


@given(flows, capacities, capacities)
def test_whatever_is_urgent_no_written_limit_is_passed(
    rows: list[tuple[str, str, float, float | None, bool]], written: dict[str, float], ceilings: dict[str, float]
) -> None:
    demands = demands_of(rows)
    urgent = {i for i, row in enumerate(rows) if row[4]}
    caps = share_with_urgent(demands, urgent, written, ceilings)
    for link, limit in written.items():
        assert load(demands, caps, link) <= limit * (1 + 1e-6)


def test_weights_are_the_users_own_multipliers() -> None:
    demands = [Demand(i, (FLEET,), weight) for i, weight in enumerate(WEIGHTS.values())]
    given_out = share(demands, {FLEET: 52.5})
    assert [given_out[i] for i in range(5)] == pytest.approx([2.5, 5.0, 10.0, 15.0, 20.0])


class World:
    """An allocator with a clock in the hand, and flows that move what their caps and their links let through."""

    def __init__(self, **settings: object) -> None:
        self.clock = ManualClock()
        self.settings = EngineSettings(**settings)  # type: ignore[arg-type]
        self.allocator = BandwidthAllocator(self.clock, lambda: self.settings)
        self._wire: dict[int, float] = {}

    def start(
        self,
        number: int,
        source: str = "a",
        target: str = "b",
        priority: SyncPriority = SyncPriority.NORMAL,
        emergency: bool = False,
        deadline: float | None = None,
    ) -> RateCap:
        return self.allocator.join(Flow(number, source, target, priority, emergency, deadline, RateCap()))

    def let_run(self, seconds: float, able: Mapping[int, float] | Callable[[], Mapping[int, float]]) -> None:
        """Let time pass; each flow moves at most what it is able to and what its cap says."""
        for _ in range(int(seconds / 0.5)):
            self.clock.advance(0.5)
            now = able() if callable(able) else able
            for flow in self.allocator.flows():
                cap = flow.cap.bytes_per_second
                rate = now[flow.id] if cap is None else min(cap, now[flow.id])
                self._wire[flow.id] = self._wire.get(flow.id, 0.0) + rate * 0.5
                self.allocator.moved(flow.id, int(self._wire[flow.id]))
            self.allocator.tick()

    def caps(self) -> dict[int, int | None]:
        return {flow.id: flow.cap.bytes_per_second for flow in self.allocator.flows()}


def test_without_a_written_limit_there_is_no_cap() -> None:
    world = World()
    assert world.start(1).bytes_per_second is None


def test_a_transfer_that_ends_leaves_its_part_to_the_others_at_once() -> None:
    world = World(bandwidth_bytes_per_second=100 * MB)
    first, second = world.start(1), world.start(2, "c", "d")
    assert first.bytes_per_second == second.bytes_per_second == 50 * MB
    world.allocator.end(1)
    assert second.bytes_per_second == 100 * MB


def test_fleet_node_and_transfer_limits_hold_together() -> None:
    world = World(
        bandwidth_bytes_per_second=100 * MB,
        node_bandwidth_bytes_per_second={"b": 30 * MB},
        bandwidth=BandwidthSettings(per_transfer_bytes_per_second=40 * MB),
    )
    caps = [world.start(1, "a", "b"), world.start(2, "c", "b"), world.start(3, "c", "d")]
    assert [cap.bytes_per_second for cap in caps] == [15 * MB, 15 * MB, 40 * MB]


def test_a_copy_within_one_node_uses_no_link() -> None:
    world = World(bandwidth_bytes_per_second=10 * MB)
    assert world.start(1, "a", "a").bytes_per_second is None
    assert world.start(2, "a", "b").bytes_per_second == 10 * MB


def test_an_urgent_transfer_has_80_percent_of_the_shared_link_from_its_first_moment() -> None:
    world = World(node_bandwidth_bytes_per_second={"b": 10 * MB})
    others = [world.start(number, "a", "b") for number in range(1, 5)]
    urgent = world.start(9, "c", "b", emergency=True)
    assert (urgent.bytes_per_second or 0) >= 8 * MB
    assert sum(cap.bytes_per_second or 0 for cap in others) <= 2 * MB
    world.allocator.end(9)
    assert sum(cap.bytes_per_second or 0 for cap in others) == 10 * MB


def test_others_have_back_what_an_urgent_transfer_cannot_use() -> None:
    world = World(node_bandwidth_bytes_per_second={"b": 10 * MB})
    world.start(1, "a", "b")
    world.start(9, "c", "b", priority=SyncPriority.CRITICAL)
    world.let_run(30, {1: 50 * MB, 9: 1 * MB})
    assert (world.caps()[1] or 0) >= 8 * MB


def test_without_a_written_limit_the_measured_link_decides_the_squeeze() -> None:
    world = World()
    world.start(1, "a", "b")
    world.let_run(3, {1: 10 * MB})
    assert world.caps() == {1: None}
    urgent = world.start(9, "c", "b", emergency=True)
    assert urgent.bytes_per_second is None
    assert world.caps()[1] == pytest.approx(1.5 * MB, rel=0.05)
    world.let_run(10, {1: 10 * MB, 9: 8 * MB})
    assert world.caps()[1] == pytest.approx(1.5 * MB, rel=0.15)
    world.allocator.end(9)
    assert world.caps() == {1: None}


def test_a_squeeze_that_helps_nobody_is_given_up() -> None:
    world = World()
    world.start(1, "a", "b")
    world.let_run(3, {1: 10 * MB})
    world.start(9, "c", "b", emergency=True)
    world.let_run(12, {1: 10 * MB, 9: 0.1 * MB})
    assert (world.caps()[1] or 0) >= 8 * MB


@pytest.mark.parametrize("written", [None, 10, 100])
@pytest.mark.parametrize("seconds_before", [0, 4])
def test_an_urgent_transfer_keeps_80_percent_of_a_link_of_10_whatever_is_written(
    written: int | None, seconds_before: float
) -> None:
    """The link itself shares fairly, as TCP does, among those that their caps let through."""
    limits = {} if written is None else {"b": written * MB}
    world = World(node_bandwidth_bytes_per_second=limits)
    wire = {1: 0.0, 2: 0.0, 9: 0.0}

    def fair() -> Mapping[int, float]:
        demands = [
            Demand(flow.id, ("b",), 1.0, None if flow.cap.bytes_per_second is None else flow.cap.bytes_per_second)
            for flow in world.allocator.flows()
        ]
        given_out = {number: rate or 0.0 for number, rate in share(demands, {"b": 10.0 * MB}).items()}
        for number, rate in given_out.items():
            wire[number] += rate * 0.5
        return given_out

    world.start(1, "a", "b")
    world.start(2, "c", "b")
    world.let_run(seconds_before, fair)
    world.start(9, "d", "b", emergency=True)
    world.let_run(1, fair)
    before = dict(wire)
    world.let_run(30, fair)
    moved = {number: wire[number] - before[number] for number in wire}
    assert moved[9] >= 0.8 * sum(moved.values())
    assert sum(moved.values()) >= 0.9 * 30 * 10 * MB


def test_an_urgent_transfer_squeezes_nobody_with_whom_it_shares_no_link() -> None:
    world = World()
    world.start(1, "a", "b")
    world.start(9, "c", "d", emergency=True)
    assert world.caps() == {1: None, 9: None}


def test_what_a_slow_transfer_leaves_is_used_and_it_has_its_part_back_when_it_can_use_it() -> None:
    world = World(bandwidth_bytes_per_second=100 * MB)
    world.start(1, "a", "b")
    world.start(2, "c", "d")
    world.let_run(10, {1: 200 * MB, 2: 5 * MB})
    assert (world.caps()[1] or 0) > 90 * MB
    world.let_run(15, {1: 200 * MB, 2: 200 * MB})
    assert world.caps()[2] == pytest.approx(50 * MB, rel=0.01)


def test_a_share_that_is_nearly_used_is_left_alone() -> None:
    world = World(bandwidth_bytes_per_second=100 * MB)
    heard: list[int | None] = []
    world.start(1, "a", "b").subscribe(heard.append)
    world.let_run(20, {1: 80 * MB})
    assert heard == []


def test_a_transfer_past_its_deadline_counts_as_much_as_any() -> None:
    world = World(bandwidth_bytes_per_second=90 * MB)
    late = world.start(1, "a", "b", deadline=world.clock.now() + 5)
    world.start(2, "c", "d")
    assert late.bytes_per_second == 45 * MB
    world.let_run(6, {1: 200 * MB, 2: 200 * MB})
    assert late.bytes_per_second == 60 * MB


def test_an_operators_limit_holds_at_once_and_runs_out_by_itself() -> None:
    world = World(bandwidth_bytes_per_second=100 * MB)
    cap = world.start(1)
    world.allocator.set_limits({FLEET: OperatorLimit(20 * MB, world.clock.now() + 3, "ann")})
    assert cap.bytes_per_second == 20 * MB
    world.let_run(4, {1: 200 * MB})
    assert cap.bytes_per_second == 100 * MB
    world.allocator.set_limits({FLEET: OperatorLimit(None)})
    assert cap.bytes_per_second is None


def test_a_newer_wish_makes_a_running_transfer_urgent() -> None:
    world = World(node_bandwidth_bytes_per_second={"b": 10 * MB})
    world.start(1, "a", "b")
    second = world.start(2, "c", "b")
    world.allocator.raise_priority(2, SyncPriority.NORMAL, emergency=True)
    assert (second.bytes_per_second or 0) >= 8 * MB
