"""What each lint rule of exclusions, disks, states and lists must find."""

from __future__ import annotations

from tests.config.cluster_text import cluster, host
from tests.config.lint_case import DRIVE, ROUTING, trap

CASES = [
    trap(
        "1 excluded and external",
        "excluded-and-external",
        cluster(sections=ROUTING + DRIVE + "  excluded_hosts:\n    - alpha\n"),
        "- alpha",
        "- host: alpha",
    ),
    trap(
        "1 in all three lists",
        "excluded-and-external",
        cluster(
            host("alpha", skip_sync_receive="true"),
            sections=ROUTING + DRIVE + "  excluded_hosts:\n    - name: alpha\nauto_sync:\n  exclude_hosts: [alpha]\n",
        ),
        "- name: alpha",
        "exclude_hosts: [alpha]",
        "skip_sync_receive: true",
        "- host: alpha",
    ),
    trap(
        "2 excluded in two lists",
        "excluded-twice",
        cluster(sections="sync_routing: {excluded_hosts: [alpha]}\nauto_sync: {exclude_hosts: [alpha]}\n"),
        "sync_routing: {excluded_hosts: [alpha]}",
        "auto_sync: {exclude_hosts: [alpha]}",
    ),
    trap("2 coordinator by name", "coordinator-by-name", cluster(host("macbook-7")), "macbook-7:"),
    trap(
        "2 flag without effect",
        "excluded-but-flag-true",
        cluster(sections=ROUTING + "  excluded_hosts:\n    - name: alpha\n      receive_npz: true\n"),
        "receive_npz: true",
    ),
    trap(
        "3 target equals maximum",
        "target-not-below-max",
        cluster(sections=ROUTING + "  max_disk_usage_percent: 70\n  target_disk_usage_percent: 70\n"),
        "max_disk_usage_percent: 70",
        "target_disk_usage_percent: 70",
    ),
    trap(
        "3 maximum above what must stay free",
        "max-above-min-free",
        cluster(sections=ROUTING + "  max_disk_usage_percent: 90\n  min_free_disk_percent: 15\n"),
        "max_disk_usage_percent: 90",
        "min_free_disk_percent: 15",
    ),
    trap(
        "4 ready but terminated",
        "ready-but-gone",
        cluster(host("alpha", note="Instance terminated - retired Dec 30")),
        "status: ready",
        "note: Instance terminated - retired Dec 30",
    ),
    trap(
        "4 ready but key rejected",
        "ready-but-gone",
        cluster(host("alpha", note="SSH key rejected")),
        "status: ready",
        "note: SSH key rejected",
    ),
    *(
        trap(f"5 {status}", "status-active-for-old-tools", cluster(host("alpha", status=status)), f"status: {status}")
        for status in ("destroyed", "proxy_only", "pending_setup", "needs_setup")
    ),
    trap("5 unknown status", "unknown-status", cluster(host("alpha", status="redy")), "status: redy"),
    trap("5 no status", "missing-status", cluster(host("alpha", status=None)), "alpha:"),
    trap(
        "6 priority host offline",
        "priority-not-ready",
        cluster(host("alpha", status="offline"), sections="sync_routing: {priority_hosts: [alpha]}\n"),
        "sync_routing: {priority_hosts: [alpha]}",
        "status: offline",
    ),
    trap(
        "6 voter offline",
        "voter-offline",
        cluster(host("alpha", status="offline"), sections="p2p_voters: [alpha]\n"),
        "p2p_voters: [alpha]",
        "status: offline",
    ),
    trap(
        "6 voter without p2p",
        "voter-without-p2p",
        cluster(host("alpha", p2p_enabled="false"), sections="p2p_voters: [alpha]\n"),
        "p2p_voters: [alpha]",
        "p2p_enabled: false",
    ),
    trap("6 voter key ignored", "voter-key-ignored", cluster(host("alpha", p2p_voter="true")), "p2p_voter: true"),
    trap(
        "7 priority host skips",
        "priority-excluded",
        cluster(host("alpha", skip_sync_receive="true"), sections="sync_routing: {priority_hosts: [alpha]}\n"),
        "sync_routing: {priority_hosts: [alpha]}",
        "skip_sync_receive: true",
    ),
    trap(
        "7 priority host excluded",
        "priority-excluded",
        cluster(sections="auto_sync: {exclude_hosts: [alpha]}\nsync_routing: {priority_hosts: [alpha]}\n"),
        "auto_sync: {exclude_hosts: [alpha]}",
        "sync_routing: {priority_hosts: [alpha]}",
    ),
]
