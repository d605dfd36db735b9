from __future__ import annotations

from collections import Counter

from cluster_text import FLEET, TEMPLATE

from config.lint import lint
from config.types import Severity


def found(path, rule):
    lines = path.read_text().splitlines()
    return {lines[finding.line - 1].strip() for finding in lint(path) if finding.rule == rule}


def named(rule):
    names = [finding.message.split(" ")[0] for finding in lint(FLEET) if finding.rule == rule]
    return set(names)


def test_the_real_fleets_warnings_are_the_ones_that_its_operators_know():
    serious = Counter(finding.rule for finding in lint(FLEET) if finding.severity is not Severity.NOTE)
    assert serious == {
        "ready-but-gone": 8,
        "priority-excluded": 2,
        "priority-not-ready": 2,
        "voter-offline": 2,
        "voter-without-p2p": 2,
        "nat-blocked-without-tailscale": 1,
    }


def test_the_four_ready_hosts_that_are_gone_are_named():
    assert named("ready-but-gone") == {"vast-70000000", "vast-70000274", "vast-70000822", "vast-70001781"}


def test_the_voter_and_the_priority_host_that_are_offline_are_named_on_both_lines():
    assert found(FLEET, "voter-offline") == {"- runpod-h100", "status: offline"}
    assert found(FLEET, "priority-not-ready") == {"- runpod-a100-storage-1", "status: offline"}


def test_the_host_that_nobody_can_reach_behind_its_nat_is_named():
    assert named("nat-blocked-without-tailscale") == {"vultr-a100-20gb-2"}


def test_the_coordinator_that_skips_receiving_is_a_priority_host_in_vain():
    assert found(FLEET, "priority-excluded") == {"- local-mac", "skip_sync_receive: true"}


def test_the_templates_made_up_names_are_found_and_nothing_is_invented():
    serious = Counter(finding.rule for finding in lint(TEMPLATE) if finding.severity is not Severity.NOTE)
    assert serious == {"unknown-host": 7, "odd-tailscale-ip": 2}


def test_findings_come_in_the_order_of_the_lines():
    lines = [finding.line for finding in lint(FLEET)]
    assert lines == sorted(lines)
