"""What each lint rule of lists, drives, keys, routing rules and settings must find."""

from __future__ import annotations

from tests.config.cluster_text import cluster, host
from tests.config.lint_case import DRIVE, ROUTING, trap

CASES = [
    trap(
        "trainer without data",
        "trainer-without-data",
        cluster(host("alpha", training_enabled="true", skip_sync_receive="true")),
        "training_enabled: true",
        "skip_sync_receive: true",
    ),
    trap(
        "training role off",
        "training-role-switched-off",
        cluster(host("alpha", role="gpu_training", training_enabled="false")),
        "role: gpu_training",
        "training_enabled: false",
    ),
    trap("misspelt role", "unknown-role", cluster(host("alpha", role="gpu_trainning")), "role: gpu_trainning"),
    trap("no role", "missing-role", cluster(host("alpha", role=None)), "alpha:"),
    trap(
        "unknown host",
        "unknown-host",
        cluster(sections="sync_routing: {priority_hosts: [alhpa]}\n"),
        "sync_routing: {priority_hosts: [alhpa]}",
    ),
    trap(
        "percent as a fraction",
        "percent-as-fraction",
        cluster(sections="sync_routing:\n  max_disk_usage_percent: 0.9\n  min_free_disk_percent: 0\n"),
        "max_disk_usage_percent: 0.9",
    ),
    trap(
        "no room anywhere",
        "nothing-may-arrive",
        cluster(sections="sync_routing:\n  max_disk_usage_percent: 0\n  min_free_disk_percent: 100\n"),
        "max_disk_usage_percent: 0",
        "min_free_disk_percent: 100",
    ),
    trap(
        "rules at the top",
        "misplaced-key",
        cluster(sections="rules:\n  - {name: a, place: all}\nauto_sync:\n  replication_target: 2\n"),
        "rules:",
        "replication_target: 2",
    ),
    trap("name twice", "repeated-name", cluster(sections="p2p_voters:\n  - alpha\n  - alpha\n"), "- alpha"),
    trap(
        "unknown config key",
        "unknown-config-key",
        cluster(sections="sync_routing:\n  underserved_configs: [sq8_2p]\n"),
        "underserved_configs: [sq8_2p]",
    ),
    trap(
        "drive on an absent host",
        "drive-on-absent-host",
        cluster(host("alpha", status="offline"), sections=ROUTING + DRIVE),
        "- host: alpha",
        "status: offline",
    ),
    trap(
        "drive receives nothing",
        "drive-receives-nothing",
        cluster(
            sections=ROUTING + DRIVE + "      receive_games: no\n      receive_npz: no\n      receive_models: no\n"
        ),
        "- host: alpha",
    ),
    trap(
        "drive path relative",
        "drive-path-relative",
        cluster(sections=ROUTING + DRIVE.replace("/Vol", "Vol")),
        "path: Volumes/D",
    ),
    trap(
        "drive twice",
        "drive-twice",
        cluster(sections=ROUTING + DRIVE + "    - {host: alpha, path: /Volumes/D/}\n"),
        "- host: alpha",
        "- {host: alpha, path: /Volumes/D/}",
    ),
    trap(
        "external not allowed",
        "external-not-allowed",
        cluster(host("alpha", use_external_storage="true")),
        "use_external_storage: true",
    ),
    trap(
        "external not allowed, but for another host",
        "external-not-allowed",
        cluster(
            host("alpha", use_external_storage="true", external_storage_path="/Volumes/E"),
            host("beta", 2),
            sections=ROUTING + DRIVE.replace("alpha", "beta"),
        ),
        "use_external_storage: true",
    ),
    trap(
        "drive twice in one line",
        "drive-twice",
        cluster(
            sections="sync_routing:\n  allowed_external_storage: [{host: alpha, path: /Volumes/D},"
            " {host: alpha, path: /Volumes/D}]\n"
        ),
        "allowed_external_storage: [{host: alpha, path: /Volumes/D}, {host: alpha, path: /Volumes/D}]",
    ),
    trap(
        "misspelt key of a host",
        "unknown-key",
        cluster(host("alpha", skip_sync_recieve="true")),
        "skip_sync_recieve: true",
    ),
    trap(
        "misspelt key of a section",
        "unknown-key",
        cluster(sections="sync_routing:\n  exclude_hosts: []\n"),
        "exclude_hosts: []",
    ),
    trap("misspelt section", "unknown-key", cluster(sections="sync_routng: {}\n"), "sync_routng: {}"),
    trap(
        "key that is none of ours", "unknown-key", cluster(sections="data_plane:\n  frobnicate: 1\n"), "frobnicate: 1"
    ),
    trap("key of somebody else", "unread-key", cluster(sections="sync_routing:\n  frobnicate: 1\n"), "frobnicate: 1"),
    trap(
        "rule selects nothing",
        "rule-selects-nothing",
        cluster(sections=ROUTING + "  rules:\n    - {name: a, place: provider=lambda}\n"),
        "- {name: a, place: provider=lambda}",
    ),
    trap(
        "rule selects none that receive",
        "rule-selects-nothing",
        cluster(host("alpha", status="offline"), sections=ROUTING + "  rules:\n    - {name: a, place: all}\n"),
        "- {name: a, place: all}",
    ),
    trap(
        "rule wants too many",
        "rule-too-few-places",
        cluster(sections=ROUTING + "  rules:\n    - {name: a, place: {selector: all, copies: 2}}\n"),
        "- {name: a, place: {selector: all, copies: 2}}",
    ),
    trap(
        "rule never decides",
        "rule-unreachable",
        cluster(
            sections=ROUTING + "  rules:\n    - {name: a, place: all}\n"
            "    - {name: b, match: {data_type: npz}, place: all}\n"
        ),
        "- {name: a, place: all}",
        "- {name: b, match: {data_type: npz}, place: all}",
    ),
    trap(
        "two rules of one name",
        "rule-repeated-name",
        cluster(
            sections=ROUTING + "  rules:\n    - {name: a, match: {data_type: npz}, place: all}\n"
            "    - {name: a, place: all}\n"
        ),
        "- {name: a, match: {data_type: npz}, place: all}",
        "- {name: a, place: all}",
    ),
    trap(
        "rule for no config key",
        "rule-config-key-unknown",
        cluster(sections=ROUTING + "  rules:\n    - {name: a, match: {config_key: 'oct_*'}, place: all}\n"),
        "- {name: a, match: {config_key: 'oct_*'}, place: all}",
    ),
    trap(
        "too many copies",
        "replication-target-unreachable",
        cluster(sections="sync_routing: {replication_target: 2}\n"),
        "sync_routing: {replication_target: 2}",
    ),
    trap(
        "unknown node_id",
        "unknown-node-id",
        cluster(sections="data_plane: {node_id: beta}\n"),
        "data_plane: {node_id: beta}",
    ),
    trap(
        "shell",
        "on-finding-shell",
        cluster(sections="data_plane:\n  on_finding:\n    command: [/bin/sh, -c, x]\n"),
        "command: [/bin/sh, -c, x]",
    ),
    trap(
        "S3 with its bucket, and by a rule",
        "s3-not-built",
        cluster(
            sections=ROUTING
            + "  s3:\n    enabled: true\n    bucket: b\n"
            + "  rules:\n    - name: a\n      place: all\n      via: [s3]\n"
        ),
        "enabled: true",
        "via: [s3]",
    ),
    trap(
        "S3 in the engine's own section",
        "s3-not-built",
        cluster(sections="data_plane:\n  s3_enabled: true\n  s3_bucket: b\n"),
        "s3_enabled: true",
    ),
    trap(
        "no bucket",
        "s3-without-bucket",
        cluster(sections="data_plane: {s3_enabled: true}\n"),
        "data_plane: {s3_enabled: true}",
    ),
    trap(
        "auto sync off",
        "auto-sync-off",
        cluster(sections="auto_sync: {enabled: false}\n"),
        "auto_sync: {enabled: false}",
    ),
    trap(
        "lag order",
        "lag-order",
        cluster(sections="data_plane:\n  thresholds:\n    lag_warning: 2d\n"),
        "lag_warning: 2d",
    ),
    trap("password", "secret-in-file", cluster(host("alpha", db_password="hunter2x")), "db_password: hunter2x"),
    trap(
        "token in a value",
        "secret-in-file",
        cluster(host("alpha", venv_activate="export API_TOKEN=abcdef123")),
        "venv_activate: export API_TOKEN=abcdef123",
    ),
]
