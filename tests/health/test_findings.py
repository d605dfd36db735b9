"""What becomes a finding, how bad it is, and when it recovers."""

from __future__ import annotations

import dataclasses

import pytest

from config.errors import ConfigError
from config.types import DataType, LintFinding, Severity, Thresholds
from engine.errors import ErrorClass, SyncdeckError
from engine.health.findings import HealthInputs, diff, find
from engine.integrity.leftovers import Leftovers
from engine.model import EntryKey, Refusal, ReplicaState, SyncPriority, Transfer, TransferState
from engine.views import FindingView, FreshnessView, NodeView, StorageView, TrainerFreshness
from tests.planner.worlds import GB, NOW, node, policy

FLEET = policy([node("alpha"), node("vast-1", ephemeral=True)])
CALM = HealthInputs(FLEET, NOW)
HOUR = 3_600.0


def _node(name: str = "alpha", state: str = "up", **changes: object) -> NodeView:
    fields: dict[str, object] = {"node": name, "state": state, "reason": "", "remedy": "", "last_seen_at": NOW - 60,
        "last_sync_at": None, "lag_seconds": None, "durable": not name.startswith("vast"),
        "ephemeral": name.startswith("vast"), "role": "x", "trainer": False}  # fmt: skip
    return NodeView(**(fields | changes))  # type: ignore[arg-type]


def _storage(percent: float | None = 10.0, state: str = "ok", **changes: object) -> StorageView:
    used = None if percent is None else int(10 * percent * GB)
    fields: dict[str, object] = {"node": "alpha", "root": "/Volumes/x", "location": "alpha:/Volumes/x",
        "label": "alpha:x", "total_bytes": 1000 * GB, "used_bytes": used, "used_percent": percent, "state": state,
        "full_in_seconds": None, "max_percent": 70.0, "target_percent": 60.0}  # fmt: skip
    return StorageView(**(fields | changes))  # type: ignore[arg-type]


def _fresh(copies: int = 3, age: float = 2 * HOUR, **changes: object) -> FreshnessView:
    fields: dict[str, object] = {"config_key": "hex8_2p", "data_type": "npz", "newest_age_seconds": age,
        "copies": copies, "wanted": 3, "off_site": "yes", "at_risk_bytes": 0}  # fmt: skip
    return FreshnessView(**(fields | changes))  # type: ignore[arg-type]


def _found(**changes: object) -> dict[str, FindingView]:
    return {finding.id: finding for finding in find(dataclasses.replace(CALM, **changes))}  # type: ignore[arg-type]


def _refusal(code: str, location: str = "alpha:/Volumes/x") -> Refusal:
    return Refusal(EntryKey(DataType.NPZ, "a.npz"), location, "why", "mend", "r", None, code)


def test_a_healthy_fleet_has_no_findings() -> None:
    assert _found(nodes=[_node(), _node("vast-1")], storage=[_storage()], freshness=[_fresh()]) == {}


@pytest.mark.parametrize(
    ("percent", "severity"), [(59.9, None), (60.0, "warning"), (69.9, "warning"), (70.0, "critical")]
)
def test_a_disk_over_its_target_warns_and_over_its_maximum_is_critical(percent: float, severity: str | None) -> None:
    found = _found(storage=[_storage(percent)])
    assert [f.severity for f in found.values()] == ([severity] if severity else [])
    assert set(found) <= {"disk:alpha:/Volumes/x"}


def test_a_full_disk_says_how_many_files_cannot_go_there_and_what_to_free() -> None:
    found = _found(storage=[_storage(83.0)], refused=[_refusal("full"), _refusal("full", "beta")])
    disk = found["disk:alpha:/Volumes/x"]
    assert "83 %" in disk.message and "1 file cannot go there" in disk.message
    assert "free 230 GB" in disk.remedy
    assert disk.action == "emergency"


def test_a_disk_that_fills_within_the_horizon_warns() -> None:
    limits = Thresholds()
    soon = _found(storage=[_storage(full_in_seconds=limits.disk_full_forecast_seconds)])
    late = _found(storage=[_storage(full_in_seconds=limits.disk_full_forecast_seconds + 1)])
    assert "in 3 days" in soon["disk-full:alpha:/Volumes/x"].message
    assert late == {}


@pytest.mark.parametrize("state", ["not-mounted", "missing", "denied"])
def test_a_drive_that_is_not_there_warns_with_its_remedy(state: str) -> None:
    found = _found(storage=[_storage(None, state)])
    assert found["location:alpha:/Volumes/x"].severity == "warning"
    assert found["location:alpha:/Volumes/x"].remedy


@pytest.mark.parametrize(
    ("lag", "severity"),
    [(None, None), (HOUR - 1, None), (HOUR, "warning"), (24 * HOUR - 1, "warning"), (24 * HOUR, "critical")],
)
def test_lag_warns_after_an_hour_and_is_critical_after_a_day(lag: float | None, severity: str | None) -> None:
    found = _found(nodes=[_node(lag_seconds=lag)])
    assert [f.severity for f in found.values()] == ([severity] if severity else [])


def test_thresholds_are_those_of_the_policy() -> None:
    strict = dataclasses.replace(FLEET, thresholds=Thresholds(lag_warning_seconds=10, lag_critical_seconds=20))
    found = _found(policy=strict, nodes=[_node(lag_seconds=15)])
    assert found["lag:alpha"].severity == "warning"


def test_sole_copies_on_an_ephemeral_node_warn_with_their_size_and_the_key() -> None:
    found = _found(nodes=[_node("vast-1", at_risk_bytes=1_200_000_000, at_risk_entries=3)])
    sole = found["sole:vast-1"]
    assert (sole.severity, sole.action, sole.at_risk_bytes) == ("warning", "emergency", 1_200_000_000)
    assert "1.2 GB in 3 files" in sole.message


def test_sole_copies_on_a_node_out_of_reach_are_critical() -> None:
    risk = {"at_risk_bytes": 500, "at_risk_entries": 1}
    for name in ("alpha", "vast-1"):
        found = _found(nodes=[_node(name, "timed-out", **risk)])
        assert found[f"sole:{name}"].severity == "critical"
        assert found[f"node:{name}"].severity == "critical"


def test_a_node_out_of_reach_without_sole_copies_warns_with_the_remedy_of_its_state() -> None:
    changed = _found(nodes=[_node(state="host-key-changed")])["node:alpha"]
    refused = _found(nodes=[_node(state="auth-failed")])["node:alpha"]
    assert (changed.severity, refused.severity) == ("warning", "warning")
    assert "enrol alpha" in changed.remedy
    assert changed.remedy != refused.remedy


def test_a_node_that_the_configuration_does_not_use_is_no_finding() -> None:
    assert _found(nodes=[_node(state="unused", lag_seconds=1e9, at_risk_bytes=5, at_risk_entries=1)]) == {}


def test_an_old_daemon_is_named() -> None:
    found = _found(old_daemons={"alpha": ("unified_data_sync",), "vast-1": ()})
    assert list(found) == ["daemon:alpha"]
    assert "unified_data_sync" in found["daemon:alpha"].message


def test_too_few_copies_warn_once_the_allowed_lag_is_over() -> None:
    assert _found(freshness=[_fresh(1, age=HOUR - 1)]) == {}
    found = _found(freshness=[_fresh(2), _fresh(1, config_key="square19_3p", at_risk_bytes=7)])
    assert list(found) == ["copies"]
    assert "square19_3p npz 1/3, hex8_2p npz 2/3" in found["copies"].message
    assert found["copies"].at_risk_bytes == 7


def test_a_trainer_with_old_training_data_warns() -> None:
    def held(age: float | None, current: bool) -> list[FreshnessView]:
        return [_fresh(age=60.0, trainers=(TrainerFreshness("alpha", age, current),))]

    assert _found(nodes=[_node()], freshness=held(6 * HOUR - 1, True)) == {}
    behind = _found(nodes=[_node()], freshness=held(9 * HOUR, False))["training:alpha"]
    assert (behind.severity, behind.action) == ("warning", "sync")
    assert "hex8_2p 9 h" in behind.message
    newest = _found(nodes=[_node()], freshness=held(9 * HOUR, True))["training:alpha"]
    assert newest.action is None
    assert "hex8_2p none" in _found(nodes=[_node()], freshness=held(None, False))["training:alpha"].message


def test_copies_that_contradict_each_other_are_shown() -> None:
    found = _found(refused=[_refusal("diverged"), _refusal("smaller"), _refusal("bad"), _refusal("interval")])
    assert set(found) == {"refused:diverged", "refused:smaller", "refused:bad"}
    assert all(f.severity == "warning" for f in found.values())
    assert {code: f.action for code, f in found.items()} == {
        "refused:diverged": "keep_both",
        "refused:smaller": "keep_both",
        "refused:bad": "go_catalog",
    }
    assert all("syncdeck transfers keep-both" in f.remedy for f in found.values() if f.action == "keep_both")


def test_a_damaged_archive_is_critical_and_leads_to_the_archives() -> None:
    finding = _found(failed_archives=[(7, "games:a.db@alpha", "it is not there")])["archive:7"]
    assert (finding.severity, finding.action) == ("critical", "go_archive")


def test_a_file_without_any_good_copy_is_critical_and_told_once() -> None:
    found = _found(refused=[_refusal("gone", "alpha"), _refusal("gone", "beta")])
    assert found["gone"].severity == "critical"
    assert "1 file: npz:a.npz" in found["gone"].message


def test_blocked_transfers_are_grouped_by_what_blocks_them() -> None:
    def blocked(number: int, error: ErrorClass) -> Transfer:
        key = EntryKey(DataType.NPZ, f"{number}.npz")
        return Transfer(number, key, "alpha", "beta", TransferState.BLOCKED, "no room", SyncPriority.LOW, 1,
                        error_class=error, hint="free space")  # fmt: skip

    classes = [ErrorClass.NO_SPACE, ErrorClass.NO_SPACE, ErrorClass.AUTH]
    found = _found(blocked=[blocked(number, error) for number, error in enumerate(classes)])
    assert set(found) == {"blocked:no-space", "blocked:auth"}
    assert found["blocked:no-space"].message.startswith("2 transfers blocked (no-space)")
    assert found["blocked:no-space"].remedy == "free space"


def test_a_refused_configuration_and_a_dead_part_are_critical() -> None:
    error = ConfigError("fleet.yaml", 3, 1, "hosts", "a list was found", "write a mapping")
    found = _found(config_refused=error, parts_down={"plan": "boom"})
    assert {f.severity for f in found.values()} == {"critical"}
    assert set(found) == {"config:refused", "part:plan"}


def test_an_automatic_archive_round_that_fails_is_told_with_what_to_do() -> None:
    error = SyncdeckError("archive", "node-1", "no cold storage", "name one", ErrorClass.CONFIG)
    finding = _found(archiving_failed=error)["archiving"]
    assert (finding.severity, finding.remedy) == ("warning", "name one")
    assert "archive node-1: no cold storage" in finding.message


def test_lint_is_summed_up_by_severity_and_notes_are_left_out() -> None:
    def lint(severity: Severity, line: int) -> LintFinding:
        return LintFinding("rule", severity, "fleet.yaml", line, 1, f"wrong in {line}", "mend it")

    rows = [lint(Severity.WARNING, 9), lint(Severity.WARNING, 4), lint(Severity.ERROR, 7), lint(Severity.NOTE, 1)]
    found = _found(lint=rows)
    assert set(found) == {"config:errors", "config:warnings"}
    assert "2 configuration warnings; line 4: wrong in 4" in found["config:warnings"].message


def test_observing_is_a_note_only_while_work_waits() -> None:
    assert _found(observing=True) == {}
    assert _found(observing=True, waiting_for_go=4)["observing"].severity == "note"


def test_what_would_be_lost_comes_first_within_a_severity() -> None:
    nodes = [
        _node("vast-1", at_risk_bytes=5, at_risk_entries=1),
        _node("vast-2", at_risk_bytes=50, at_risk_entries=1),
        _node("alpha", "refused"),
    ]
    found = find(dataclasses.replace(CALM, nodes=nodes, storage=[_storage(90.0)]))
    ids = [finding.id for finding in found]
    assert ids == ["disk:alpha:/Volumes/x", "sole:vast-2", "sole:vast-1", "node:alpha"]


def test_every_finding_says_what_to_do() -> None:
    nodes = [_node(state=s, lag_seconds=9e9, at_risk_entries=1, at_risk_bytes=1) for s in ("lost", "error", "up")]
    found = find(dataclasses.replace(CALM, nodes=nodes, storage=[_storage(65.0), _storage(99.0)]))
    assert found
    assert all(f.message and f.remedy and f.subject for f in found)


def test_a_finding_that_got_worse_is_told_again_and_one_that_is_over_has_recovered() -> None:
    warning, critical = _found(storage=[_storage(65.0)]), _found(storage=[_storage(75.0)])
    assert diff([], list(warning.values())) == (tuple(warning.values()), ())
    assert diff(list(warning.values()), list(critical.values())) == (tuple(critical.values()), ())
    assert diff(list(critical.values()), list(warning.values())) == ((), ())
    assert diff(list(critical.values()), []) == ((), tuple(critical.values()))


def test_copies_that_contradict_each_other_are_shown_even_where_no_rule_wants_one() -> None:
    counted = [("alpha", ReplicaState.DIVERGED, 2), ("beta", ReplicaState.BAD, 1)]
    found = _found(doubtful=counted, refused=[_refusal("bad")])
    assert found["refused:diverged"].message.startswith("2 copies differing")
    assert "2 on alpha" in found["refused:diverged"].message
    assert "npz:a.npz" in found["refused:bad"].message


def test_a_folder_that_nobody_can_look_into_is_told() -> None:
    found = _found(unreadable={"alpha": ("/data/games", "/data/x")})
    assert "/data/games and 1 more" in found["unreadable:alpha"].message


def test_what_another_engine_left_is_told_with_its_size_and_age_and_how_to_remove_it() -> None:
    found = _found(leftovers=[Leftovers("mac:/Volumes/Drive", 3, 2_000_000_000, NOW - 9 * 86_400)])
    finding = found["leftovers:mac:/Volumes/Drive"]
    assert "3 temporary files" in finding.message and "2 GB" in finding.message and "9 days" in finding.message
    assert "syncdeck nodes leftovers mac --older-than 7d --remove" in finding.remedy


def test_what_looking_again_never_mends_names_the_command_and_no_key() -> None:
    found = _found(nodes=[_node(state="host-key-unknown"), _node("vast-1", "refused", reason="ssh: port 22: refused")])
    stranger, closed = found["node:alpha"], found["node:vast-1"]
    assert (stranger.action, closed.action) == (None, "rescan")
    assert "`syncdeck nodes enrol alpha`" in stranger.remedy
    assert closed.message == "vast-1 refuses connections, last seen 60 s ago"


def test_what_began_anew_is_said_with_where_the_old_one_stays() -> None:
    found = _found(kept=[("games:a.db@vast-1", "/x/a.kept-0123456789ab.db on alpha"), ("games:a.db@vast-1", "/y on b")])
    assert found["kept"].severity == "warning"
    message = found["kept"].message
    assert "1 file began anew" in message and "/x/a.kept-0123456789ab.db on alpha" in message
