"""From views to words: what is worst comes first, and no figure says more than is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.console.actions import Keys
from app.console.alarms import new_criticals
from app.console.present.findings import findings_model, with_config
from app.console.present.freshness import freshness_model
from app.console.present.previews import preview_lines
from app.console.present.state import ConsoleState, status_model
from app.console.present.storage import storage_model
from app.console.present.transfers import transfers_model
from app.console.present.transports import attempt_lines, breaker_lines, breaker_word
from app.console.present.units import age_text, bytes_text, coarse_age, left_text, used_text
from app.console.staging.scenes import NOW, empty_view, failing_view, normal_view, preview_of
from engine.transport_views import AttemptView, BreakerView, TransportErrorView
from engine.views import FindingView, SyncRequest
from widgets.text import Tone


def test_bytes_are_read_at_a_glance() -> None:
    cases = (0, 999, 1_000, 86_000_000, 1_200_000_000, 7_300_000_000_000)
    assert [bytes_text(count) for count in cases] == ["0 B", "999 B", "1.0 kB", "86 MB", "1.2 GB", "7.3 TB"]
    assert used_text(6_000_000_000_000, 7_300_000_000_000) == "6.0/7.3 TB"


@given(st.integers(min_value=0, max_value=10**21))
def test_bytes_never_take_more_than_seven_characters_below_a_zettabyte(count: int) -> None:
    assert len(bytes_text(count)) <= 7


def test_times_are_said_in_their_largest_unit() -> None:
    assert [age_text(seconds) for seconds in (3, 61, 7200, 5 * 86400)] == ["<1 m", "1 m", "2 h", "5 d"]
    assert [left_text(seconds) for seconds in (None, 41, 3723, 90000)] == ["", "0:41", "1:02:03", "1 d"]


@given(st.floats(min_value=0, max_value=59))
def test_a_shown_age_changes_at_most_every_five_seconds(seconds: float) -> None:
    assert coarse_age(seconds) in {"now", *(f"{step} s ago" for step in range(5, 60, 5))}


def test_findings_are_sorted_by_severity_then_by_what_would_be_lost() -> None:
    view = normal_view()
    findings = tuple(
        FindingView(name, severity, name, name, "", None, risk)
        for name, severity, risk in (("a", "warning", 9), ("b", "critical", 1), ("c", "critical", 5), ("d", "note", 99))
    )
    model = findings_model(ConsoleState(replace(view, findings=findings)), NOW)
    assert [row.key for row in model.rows] == ["c", "b", "a", "d"]
    assert model.worst is Tone.BAD


def test_with_nothing_to_do_the_last_verified_backup_is_told() -> None:
    assert "Last verified backup 12 m ago" in findings_model(ConsoleState(normal_view()), NOW).calm.text
    assert "No backup has been verified yet" in findings_model(ConsoleState(empty_view()), NOW).calm.text


def test_a_read_only_console_offers_no_key_that_it_refuses() -> None:
    model = findings_model(ConsoleState(failing_view(), read_only=True), NOW)
    assert {row.action_key for row in model.rows} == {"enter", "3", "5", "6"}


def test_a_remapped_key_is_the_one_that_is_shown() -> None:
    model = findings_model(ConsoleState(failing_view(), keys=Keys({"emergency": "f5"})), NOW)
    assert model.rows[0].action_key == "f5"


def test_the_fullest_disk_comes_first_and_nodes_without_a_disk_are_counted() -> None:
    model = storage_model(failing_view())
    measured = [row.percent for row in model.rows if row.percent is not None]
    assert measured == sorted(measured, reverse=True)
    assert [badge.text for badge in model.counts] == ["✗ 2 unreachable", "10 unused"]
    assert [row.state for row in model.rows if row.percent is None] == ["✗ timed-out", "✗ timed-out"]


def test_a_disk_measured_long_ago_says_so() -> None:
    view = normal_view()
    old = replace(view.storage[0], sampled_at=NOW - 3600)
    model = storage_model(replace(view, storage=(old,)))
    assert model.rows[0].state == "! 1 h old"


def test_the_config_key_that_would_lose_most_comes_first() -> None:
    rows = freshness_model(failing_view()).rows
    assert [row.key for row in rows[:2]] == ["square19_3p", "hexagonal_4p"]
    assert rows[0].copies.text.strip() == "1/3 ✗"
    assert rows[0].trainers.text == "1 lag !"
    assert all(row.tone is Tone.GOOD for row in rows[2:])


def test_what_waits_says_why() -> None:
    words = [badge.text for badge in transfers_model(failing_view()).waiting]
    assert words == ["✗ 1 blocked", "✗ 1 failed", "waiting", "27 for a free slot", "4 for the night window"]


@pytest.mark.parametrize(("age", "word"), [(0.0, "updated now"), (4.9, "updated now"), (65.0, "! stale, 1 m ago")])
def test_age_is_always_shown_and_marked_when_stale(age: float, word: str) -> None:
    state = ConsoleState(normal_view(), contact_at=NOW)
    assert status_model(state, NOW + age).age.text == word


def test_a_preview_says_files_bytes_targets_time_and_refusals() -> None:
    text = "\n".join(
        "".join(span.text for span in line) for line in preview_lines(preview_of(SyncRequest(emergency=True)), {})
    )
    for words in ("29 files, 1.2 GB", "mac-studio:/Volumes/Data, nebius-h100-1", "about 1 min", "Refused: 2 copies"):
        assert words in text


def test_only_a_critical_finding_that_was_not_there_before_rings() -> None:
    view = failing_view()
    first, known = new_criticals(None, view)
    assert first == [] and len(known) == 2
    more = FindingView("new", "critical", "x", "y", "", None)
    fresh, known = new_criticals(known, replace(view, findings=(*view.findings, more)))
    assert [finding.id for finding in fresh] == ["new"]
    assert new_criticals(known, replace(view, findings=(*view.findings, more)))[0] == []


def test_a_remedy_that_is_a_command_is_shown_beside_the_finding_and_runs_from_any_folder() -> None:
    remedy = "`syncdeck nodes enrol alpha` shows its fingerprints and asks"
    finding = FindingView("node:alpha", "warning", "alpha", "alpha is not trusted yet", remedy, None)
    view = replace(normal_view(), findings=(finding,))
    (row,) = findings_model(ConsoleState(view), NOW).rows
    assert row.text == "alpha is not trusted yet: syncdeck nodes enrol alpha"
    assert with_config(remedy, "/etc/my fleet.yaml").startswith(
        "`syncdeck --config '/etc/my fleet.yaml' nodes enrol alpha`"
    )


def test_disks_that_show_the_same_percentage_keep_their_order_and_a_lost_node_is_told() -> None:
    view = normal_view()
    first, second = (
        replace(view.storage[0], location=name, node=name, label=name, used_percent=percent)
        for name, percent in (("alpha", 40.1), ("beta", 40.4))
    )
    nodes = (replace(view.nodes[0], node="alpha", state="up"), replace(view.nodes[0], node="beta", state="lost"))
    rows = storage_model(replace(view, nodes=nodes, storage=(second, first))).rows
    assert [row.name for row in rows] == ["alpha", "beta"]
    assert [row.state for row in rows] == ["", "✗ no reply"]


def test_a_node_with_an_open_breaker_says_so_beside_its_disk_and_in_full() -> None:
    open_http = BreakerView("http", "open", NOW + 42, "3 failures: connection reset")
    view = normal_view()
    names = {node.node for node in view.nodes}
    disk = next(item for item in view.storage if item.used_percent and item.location in names)
    nodes = tuple(replace(n, state="up", breakers=(open_http,)) if n.node == disk.node else n for n in view.nodes)
    disk = replace(disk, sampled_at=NOW)
    view = replace(view, at=NOW, nodes=nodes, storage=(disk,))
    assert [row.state for row in storage_model(view).rows if row.key == disk.location] == ["http open 42 s"]
    node = next(n for n in nodes if n.breakers)
    assert "http open 42 s: 3 failures: connection reset" in [
        "".join(s.text for s in x) for x in breaker_lines(node, NOW)
    ]
    two = replace(node, breakers=(open_http, replace(open_http, transport="p2p", until=NOW + 300)))
    assert breaker_word(two, NOW) == "2 ways open 42 s"
    assert breaker_word(replace(node, breakers=()), NOW) == ""


def test_attempts_show_what_was_sent_again_and_every_transport_that_failed() -> None:
    failed = TransportErrorView(NOW - 5, "http", "b", "transient-network", "connection reset", "wait")
    done = AttemptView(
        2, NOW - 9, NOW, "agent", "a", "b", True, 10**6, 1_200_000, 200_000, 2.0, 5e5, None, None, None, (failed,)
    )
    words = ["".join(span.text for span in line) for line in attempt_lines([done], NOW)]
    assert words[2] == "\u2713 2 by agent <1 m ago, 1.2 MB on the wire, 500 kB/s, 200 kB sent again"
    assert words[3] == "  http: connection reset"
    assert attempt_lines([], NOW) == []
