"""When a transport is left alone at a node, which end is blamed, and how it comes back."""

from __future__ import annotations

import random

import pytest

from engine.clock import ManualClock
from engine.errors import ErrorClass, NodeUnreachable, TransferError
from engine.model import Transport
from engine.presentation.transports import node_transport_views
from engine.transport.breaker_board import Breakers, Permit
from engine.transport.breakers import LONGEST_COOL_DOWN_SECONDS, BreakerState
from engine.transport.errors import Throttled

HTTP, AGENT, RSYNC = Transport.HTTP, Transport.AGENT, Transport.RSYNC
S = BreakerState


def board(clock: ManualClock) -> Breakers:
    return Breakers([HTTP, AGENT], clock, random.Random(1), own_node="hub")


def reset(error_class: ErrorClass = ErrorClass.TRANSIENT_NETWORK) -> TransferError:
    return TransferError("copy", "/s", "connection reset", "wait", error_class)


def use(breakers: Breakers, source: str, target: str, by: Transport = HTTP, size: int = 1) -> Permit:
    leave = breakers.permit(by, source, target, size)
    assert isinstance(leave, Permit), leave
    return leave


def fail(breakers: Breakers, source: str, target: str, times: int = 3, by: Transport = HTTP) -> None:
    for _ in range(times):
        use(breakers, source, target, by).failed(reset())


def cool_down(breakers: Breakers, clock: ManualClock, node: str, by: Transport = HTTP) -> float:
    until = breakers.status(node, by).until
    assert until is not None
    seconds = until - clock.monotonic()
    clock.advance(seconds + 0.001)
    return seconds


def test_the_third_failure_of_the_network_opens_and_the_reason_says_for_how_long() -> None:
    clock = ManualClock()
    breakers = board(clock)
    fail(breakers, "hub", "vast-1", 2)
    assert breakers.status("vast-1", HTTP).state is S.CLOSED
    fail(breakers, "hub", "vast-1", 1)
    refused = breakers.permit(HTTP, "hub", "vast-1", 1)
    assert refused == "http to vast-1: breaker open for 4 s after 3 failures: connection reset"
    assert breakers.status("vast-1", AGENT).state is S.CLOSED
    assert breakers.status("hub", HTTP).state is S.CLOSED, "one node's failures say nothing of the engine's own"


@pytest.mark.parametrize("error_class", sorted(set(ErrorClass) - {ErrorClass.TRANSIENT_NETWORK, ErrorClass.THROTTLED}))
def test_what_a_person_must_mend_or_what_is_wrong_with_a_file_never_opens(error_class: ErrorClass) -> None:
    breakers = board(ManualClock())
    for _ in range(9):
        use(breakers, "hub", "vast-1").failed(reset(error_class))
    assert list(breakers.tripped()) == []


def test_failures_far_apart_are_single_mishaps_and_a_success_forgets_them() -> None:
    clock = ManualClock()
    breakers = board(clock)
    for _ in range(5):
        fail(breakers, "hub", "vast-1", 1)
        clock.advance(121)
    assert list(breakers.tripped()) == []
    fail(breakers, "hub", "vast-1", 2)
    use(breakers, "hub", "vast-1").succeeded()
    fail(breakers, "hub", "vast-1", 2)
    assert list(breakers.tripped()) == []


def test_after_the_cool_down_one_probe_goes_and_its_success_closes() -> None:
    clock = ManualClock()
    breakers = board(clock)
    fail(breakers, "hub", "vast-1")
    cool_down(breakers, clock, "vast-1")
    assert breakers.status("vast-1", HTTP).state is S.HALF_OPEN
    probe = use(breakers, "hub", "vast-1")
    assert isinstance(breakers.permit(HTTP, "hub", "vast-1", 1), str), "only one probe at a time"
    probe.succeeded()
    assert breakers.status("vast-1", HTTP).state is S.CLOSED


def test_every_failed_probe_doubles_the_cool_down_up_to_ten_minutes() -> None:
    clock = ManualClock()
    breakers = board(clock)
    fail(breakers, "hub", "vast-1")
    waits = []
    for _ in range(10):
        waits.append(cool_down(breakers, clock, "vast-1"))
        fail(breakers, "hub", "vast-1", 1)
    doubled = [min(LONGEST_COOL_DOWN_SECONDS, 5.0 * 2**i) for i in range(10)]
    assert all(0.749 * d <= w <= 1.251 * d for w, d in zip(waits, doubled, strict=True))
    assert len({w / d for w, d in zip(waits, doubled, strict=True)}) > 5, "a fleet's probes do not go in step"


def test_the_probe_is_left_to_the_smallest_file_for_a_while() -> None:
    clock = ManualClock()
    breakers = board(clock)
    fail(breakers, "hub", "vast-1")
    for size in (5_000, 100, 9_000):
        assert isinstance(breakers.permit(HTTP, "hub", "vast-1", size), str)
    cool_down(breakers, clock, "vast-1")
    assert isinstance(breakers.permit(HTTP, "hub", "vast-1", 5_000), str)
    use(breakers, "hub", "vast-1", size=100).release()
    clock.advance(31)
    use(breakers, "hub", "vast-1", size=5_000).succeeded()


def test_a_probe_that_tells_nothing_leaves_the_next_to_go() -> None:
    clock = ManualClock()
    breakers = board(clock)
    fail(breakers, "hub", "vast-1")
    cool_down(breakers, clock, "vast-1")
    use(breakers, "hub", "vast-1").release()
    use(breakers, "hub", "vast-1").failed(reset(ErrorClass.NO_SPACE))
    use(breakers, "hub", "vast-1").succeeded()


def test_an_end_that_works_with_others_is_innocent() -> None:
    breakers = board(ManualClock())
    use(breakers, "nebius-1", "vast-2").succeeded()
    fail(breakers, "nebius-1", "vast-1")
    assert [(node, by) for node, by, _ in breakers.tripped()] == [("vast-1", HTTP)]


def test_two_ends_of_which_nothing_is_known_are_both_left_alone() -> None:
    breakers = board(ManualClock())
    fail(breakers, "nebius-1", "vast-1")
    assert [node for node, _, _ in breakers.tripped()] == ["nebius-1", "vast-1"]


def test_the_engine_s_own_node_opens_when_it_fails_with_everybody() -> None:
    breakers = board(ManualClock())
    fail(breakers, "hub", "vast-1", 2)
    fail(breakers, "hub", "vast-2", 2)
    fail(breakers, "hub", "vast-3", 1)
    assert "hub" in [node for node, _, _ in breakers.tripped()]


def test_a_node_that_cannot_be_reached_is_closed_for_every_transport_and_reopens_when_it_answers() -> None:
    clock = ManualClock()
    breakers = board(clock)
    gone = NodeUnreachable("reach", "vast-1", "timed out", "wake it", ErrorClass.TRANSIENT_NETWORK, "timed-out")
    for _ in range(3):
        breakers.note_unreachable(gone)
    assert set(breakers.closed_nodes()) == {"vast-1"}
    assert breakers.probing_nodes() == frozenset()
    cool_down(breakers, clock, "vast-1")
    assert breakers.probing_nodes() == {"vast-1"}
    breakers.note_unreachable(gone)
    assert breakers.status("vast-1", HTTP).trips == 2, "a probe that does not even connect is one that failed"
    breakers.node_answers("vast-1")
    assert set(breakers.closed_nodes()) == set()
    assert breakers.probing_nodes() == {"vast-1"}


def test_a_node_is_closed_when_all_that_can_serve_it_is_open() -> None:
    breakers = board(ManualClock())
    fail(breakers, "hub", "vast-1")
    assert breakers.closed_nodes() == {}
    breakers.note_refusal(AGENT, "hub", "vast-1", "it has none")
    assert set(breakers.closed_nodes()) == {"vast-1"}


def test_why_a_transport_was_passed_over_is_shown_until_it_serves() -> None:
    breakers = board(ManualClock())
    breakers.note_refusal(HTTP, "hub", "vast-1", "its port is in use")
    shown = {
        (view.node, view.transport): view.passed_over for view in node_transport_views(["vast-1"], breakers, {}, {})
    }
    assert shown[("vast-1", "http")] == "its port is in use" and shown[("vast-1", "agent")] is None
    breakers.note_refusal(HTTP, "hub", "vast-1", None)
    assert [view.passed_over for view in node_transport_views(["vast-1"], breakers, {}, {})] == [None] * 2


def test_who_asks_to_be_left_alone_is_at_once_and_for_as_long_as_he_says() -> None:
    clock = ManualClock()
    breakers = board(clock)
    use(breakers, "hub", "vast-1").failed(Throttled("GET", "/x", "503 slow down", 90.0))
    assert cool_down(breakers, clock, "vast-1") == pytest.approx(90.0)


def test_what_began_before_it_opened_neither_prolongs_nor_counts() -> None:
    clock = ManualClock()
    breakers = board(clock)
    running = [use(breakers, "hub", "vast-1") for _ in range(5)]
    fail(breakers, "hub", "vast-1")
    before = breakers.status("vast-1", HTTP)
    for permit in running:
        permit.failed(reset())
    assert breakers.status("vast-1", HTTP) == before


def test_an_operator_closes_all_of_a_node() -> None:
    breakers = board(ManualClock())
    fail(breakers, "hub", "vast-1")
    fail(breakers, "hub", "vast-1", by=AGENT)
    assert breakers.reset("vast-1") == 2
    assert list(breakers.tripped()) == []
    use(breakers, "hub", "vast-1")
