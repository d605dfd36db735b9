"""When a source is given up: connections that bring enough may break for ever, those that do not may not."""

from __future__ import annotations

import pytest

from engine.remote.agent.failures import Failure
from engine.remote.agent.fetching_hope import FRESH_SERVER_SECONDS, PATIENCE_SECONDS, Hope
from engine.remote.agent.fetching_http import Broken
from engine.remote.agent.fetching_plan import (
    BREAKS_OF_URL,
    FULL_SPEED_BYTES_PER_SECOND,
    LEAST_GAIN_BYTES,
    SHOW_SECONDS,
    SPEED_HOLDS_SECONDS,
    Plan,
    Run,
    Source,
)
from engine.remote.agent.fetching_pull import LEAST_BYTES, Flow

CHUNK = 4 << 20


def plan_of(connections: int = 4) -> tuple[Plan, Source]:
    plan = Plan(64 * CHUNK, CHUNK, connections, False, 0)
    plan.offer([{"id": "s", "urls": ["http://one/"], "have": None, "ranges": True}])
    return plan, plan.sources["s"]


def run_of(plan: Plan, now: float) -> Run:
    run = plan.next_run(now)
    assert run is not None
    return run


def break_once(plan: Plan, now: float, taken: int) -> float:
    """Begin a run, break it after so many bytes, and return when the next may begin."""
    run = run_of(plan, now)
    run.taken = taken
    plan.broke(run, "reset", now + 0.1, lambda: 0.5)
    plan.leave(run)
    return run.source.retry_at


def test_a_source_whose_connections_bring_too_little_is_given_up_soon() -> None:
    plan, source = plan_of()
    now = 0.0
    for _ in range(BREAKS_OF_URL):
        assert source.failed is None
        now = break_once(plan, now, LEAST_GAIN_BYTES - 1)
    assert source.failed == ("reset", "transient-network")


def test_a_source_whose_connections_bring_enough_is_never_given_up() -> None:
    plan, source = plan_of()
    now = 0.0
    for _ in range(100):
        now = break_once(plan, now, LEAST_GAIN_BYTES)
    assert source.failed is None


def test_connections_that_break_together_count_as_one_break() -> None:
    plan, source = plan_of(8)
    runs = [run_of(plan, 0.0), *(run_of(plan, SHOW_SECONDS) for _ in range(7))]
    for run in runs:
        plan.broke(run, "reset", 1.0, lambda: 0.5)
        plan.leave(run)
    assert source.breaks == 1
    assert source.failed is None


def test_a_connection_that_shows_full_speed_stays_the_only_one() -> None:
    plan, source = plan_of()
    run = run_of(plan, 1.0)
    assert plan.next_run(1.0 + SHOW_SECONDS / 2) is None
    run.gained = CHUNK
    plan.complete(run, 1.0 + CHUNK / (1.1 * FULL_SPEED_BYTES_PER_SECOND))
    assert source.speed is not None and plan.next_run(1.0 + SHOW_SECONDS) is None


def test_a_source_that_was_fast_and_now_crawls_gets_all_connections() -> None:
    plan, source = plan_of()
    run = run_of(plan, 1.0)
    run.gained = CHUNK
    plan.complete(run, 1.001)
    assert source.speed is not None and source.speed > 10 * FULL_SPEED_BYTES_PER_SECOND
    assert plan.next_run(1.001 + SPEED_HOLDS_SECONDS / 2) is None
    now = 1.001 + 2 * SPEED_HOLDS_SECONDS
    assert [run_of(plan, now) for _ in range(3)] and source.active == 4


def test_a_slower_source_gets_all_connections_as_soon_as_that_shows() -> None:
    plan, source = plan_of()
    first = run_of(plan, 1.0)
    others = [run_of(plan, 1.0 + SHOW_SECONDS) for _ in range(3)]
    assert plan.next_run(1.0 + SHOW_SECONDS) is None and source.active == 4
    first.gained = CHUNK
    plan.complete(first, 1.0 + 2 * CHUNK / FULL_SPEED_BYTES_PER_SECOND)
    plan.leave(others[0])
    assert run_of(plan, 2.0) and source.active == 4


def test_a_trickle_breaks_and_what_waits_for_its_cap_does_not() -> None:
    flow = Flow(10.0)
    for _ in range(100):
        flow.note(LEAST_BYTES, 60.0)
    for _ in range(100):
        flow.note(10, 0.0)
    with pytest.raises(Broken):
        flow.note(10, 10.0)


def test_a_dead_server_is_waited_for_until_the_engine_says_that_it_stays_so() -> None:
    plan, source = plan_of()
    hope = Hope(plan)
    plan.give_up(source, "refused", "transient-network")
    hope.fresh_server(100.0)
    hope.ensure(100.0 + FRESH_SERVER_SECONDS - 1)
    hope.end()
    with pytest.raises(Failure, match="refused"):
        hope.ensure(100.0)


def test_peers_that_have_nothing_that_is_missing_are_waited_for_a_while() -> None:
    plan, _ = plan_of()
    plan.offer([{"id": "peer", "urls": ["http://one/"], "have": [], "ranges": True}])
    hope = Hope(plan)
    hope.ensure(1.0)
    hope.ensure(1.0 + PATIENCE_SECONDS)
    with pytest.raises(Failure, match="no source has"):
        hope.ensure(1.1 + PATIENCE_SECONDS)
