from __future__ import annotations

import re

import pytest
from cluster_text import cluster, host, rule_ids, rules_at

from config.lint import lint
from config.lint.registry import RULES
from config.types import Severity
from tests.config.all_lint_cases import CASES


@pytest.mark.parametrize(("rule", "text", "blamed"), CASES)
def test_the_rule_blames_exactly_these_lines(rule, text, blamed):
    assert {line for found, line in rules_at(text) if found == rule} == blamed


@pytest.mark.parametrize(("rule", "text", "blamed"), CASES)
def test_a_finding_names_its_host_or_key_and_a_remedy(rule, text, blamed):
    found = [finding for finding in lint(text, "fleet.yaml") if finding.rule == rule]
    severity = next(r.severity for r in RULES if r.id == rule)
    assert found
    for finding in found:
        words = "|".join(map(re.escape, named(text, finding)))
        assert re.search(rf"(?<!\w)({words})(?!\w)", finding.message, re.IGNORECASE), finding.message
        assert finding.remedy and finding.column >= 1 and finding.severity is severity


def named(text, finding):
    """Return the words that name what is blamed: the hosts of the file, and the keys and values of the blamed line."""
    hosts = re.findall(r"^  ([\w-]+):$", text.partition("hosts:\n")[2], re.MULTILINE)
    line = re.findall(r"[\w./*~-]*[\w*]", text.splitlines()[finding.line - 1])
    return {*hosts, *re.findall(r"[a-z_]+", finding.key), *line} - {"true", "false", "null", "a"}


def test_every_rule_has_a_case_here():
    assert {rule.id for rule in RULES} == {case.values[0] for case in CASES}


def test_a_sound_file_has_no_finding_at_all():
    hosts = [host(name, number) for number, name in enumerate(("a", "b", "c"), start=1)]
    assert lint(cluster(*hosts), "fleet.yaml") == []


def test_a_secret_is_never_repeated_in_the_message():
    text = cluster(host("alpha", db_password="hunter2x"))
    assert not any("hunter2x" in finding.message + finding.remedy for finding in lint(text, "f"))


@pytest.mark.parametrize("value", ["~/.ssh/token_key", "$API_TOKEN", "/run/secrets/token", "''"])
def test_a_path_or_a_variable_is_no_secret(value):
    assert "secret-in-file" not in rule_ids(cluster(host("alpha", token=value)))


def test_nodes_behind_different_ports_of_localhost_are_different_machines():
    hosts = [
        host(name, ssh_host="127.0.0.1", ssh_port=port, tailscale_ip=None) for name, port in (("a", 2201), ("b", 2202))
    ]
    assert not any(rule.startswith(("loopback", "two-loopback", "duplicate")) for rule in rule_ids(cluster(*hosts)))


def test_an_address_that_is_only_a_placeholder_is_no_duplicate():
    hosts = [host("a", 1, tailscale_ip="100.x.x.x"), host("b", 2, tailscale_ip="100.x.x.x")]
    found = rule_ids(cluster(*hosts))
    assert "odd-tailscale-ip" in found
    assert "duplicate-tailscale-ip" not in found


def test_defaults_that_the_file_does_not_state_raise_nothing():
    assert "replication-target-unreachable" not in rule_ids(cluster())
    assert not {"target-not-below-max", "max-above-min-free"} & rule_ids(
        cluster(sections="sync_routing: {max_disk_usage_percent: 50}\n")
    )


def test_style_and_units_are_notes_and_lost_data_is_more():
    severity = {rule.id: rule.severity for rule in RULES}
    notes = {"gpu-none", "bandwidth-in-megabytes", "path-doubled", "path-ends-in-ai-service", "loopback-host"}
    assert {severity[rule] for rule in notes} == {Severity.NOTE}
    assert severity["excluded-and-external"] is Severity.ERROR
    assert severity["duplicate-tailscale-ip"] is Severity.ERROR


@pytest.mark.parametrize("address", ["2001:db8::9", "'[2001:db8::9]'", "admin@198.51.100.9", "ssh3.example"])
def test_every_address_that_can_be_dialled_is_left_alone(address):
    assert "odd-ssh-host" not in rule_ids(cluster(host("alpha", ssh_host=address)))


@pytest.mark.parametrize("note", ["not yet retired", "was never terminated", "not deleted"])
def test_a_note_that_denies_it_is_no_obituary(note):
    assert "ready-but-gone" not in rule_ids(cluster(host("alpha", note=note)))


@pytest.mark.parametrize("value", ["three", "-1", "null", "[3]"])
def test_a_target_that_is_wrong_or_null_is_not_said_to_be_the_default(value):
    text = cluster(sections=f"sync_routing:\n  replication_target: {value}\n")
    assert "replication-target-unreachable" not in rule_ids(text)


def test_a_value_of_the_wrong_type_is_not_also_called_absent():
    assert "missing-status" not in rule_ids(cluster(host("alpha", status="true")))


def test_a_host_without_a_status_is_not_said_to_have_one():
    text = cluster(
        host("alpha", status=None), sections="p2p_voters: [alpha]\nsync_routing: {priority_hosts: [alpha]}\n"
    )
    said = [f.message for f in lint(text, "f") if f.rule in ("voter-offline", "priority-not-ready")]
    assert len(said) == 4
    assert all("has no status" in message for message in said)


@pytest.mark.parametrize(
    ("section", "near"),
    [
        ("disk_management:\n  rotating_pool:\n    quota_percnt: 10\n", "quota_percent"),
        ("protocols:\n  swim:\n    bind_prt: 7947\n", "bind_port"),
        ("protocols:\n  raft:\n    auto_unlock_tim: 300.0\n", "auto_unlock_time"),
        ("provider_timeouts:\n  vast:\n    peer_timeot: 60\n", "peer_timeout"),
    ],
)
def test_a_misspelt_key_of_every_known_section_names_the_nearest(section, near):
    [finding] = lint(cluster(sections=section), "f")
    assert (finding.rule, finding.severity) == ("unknown-key", Severity.WARNING)
    assert f"is {near} meant?" in finding.message
