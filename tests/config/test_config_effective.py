from __future__ import annotations

import pytest
from cluster_text import FLEET, host, loaded

from config.load import load
from config.places import decision_at, places
from config.types import Address, DataType

GAMES, MODELS, NPZ, CHECKPOINT = DataType.GAMES, DataType.MODELS, DataType.NPZ, DataType.CHECKPOINT
DRIVE = "sync_routing:\n  allowed_external_storage:\n    - host: alpha\n      path: /Volumes/D\n"


@pytest.fixture(scope="module")
def fleet():
    return load(FLEET).policy


def text_of_line(decision):
    return FLEET.read_text().splitlines()[decision.line - 1].strip()


@pytest.mark.parametrize(
    ("name", "data_type", "receives", "line", "because"),
    [
        ("mac-studio", GAMES, True, "receive_games: true", "external storage /Volumes/RingRift-Data"),
        ("mac-studio", NPZ, True, "receive_npz: true", "external storage /Volumes/RingRift-Data"),
        ("mac-studio", MODELS, True, "status: ready", "nothing excludes it"),
        ("local-mac", GAMES, False, "skip_sync_receive: true", "skip_sync_receive"),
        ("local-mac", MODELS, False, "skip_sync_receive: true", "skip_sync_receive"),
        ("hetzner-cpu1", GAMES, False, "- hetzner-cpu1", "excluded: sync_routing.excluded_hosts"),
        ("hetzner-cpu2", MODELS, False, "- hetzner-cpu2", "excluded: sync_routing.excluded_hosts"),
        ("hetzner-cpu2", CHECKPOINT, False, "- hetzner-cpu2", "checkpoint follows models"),
        ("hetzner-cpu3", GAMES, True, "status: ready", "nothing excludes it"),
        ("aws-proxy", NPZ, False, "status: proxy_only", "proxy_only"),
        ("vast-70000548", GAMES, False, "status: retired", "retired"),
        ("nebius-h100-2", MODELS, False, "status: retired", "retired"),
        ("runpod-h100", GAMES, False, "status: offline", "offline"),
        ("lambda-gh200-3", NPZ, True, "status: ready", "nothing excludes it"),
    ],
)
def test_the_real_fleet_is_explained_by_the_deciding_line(fleet, name, data_type, receives, line, because):
    decision = fleet.receives(name, data_type)
    assert decision.receives is receives
    assert text_of_line(decision) == line
    assert because in decision.because


def test_a_host_that_the_file_does_not_have_receives_nothing(fleet):
    assert not fleet.receives("nobody", GAMES).receives


@pytest.mark.parametrize("status", ["proxy_only", "retired", "destroyed", "pending_setup", "offline", "redy", "null"])
def test_only_ready_receives(status):
    policy = loaded(host("alpha", status=status)).policy
    assert not any(policy.receives("alpha", kind).receives for kind in DataType)


def test_a_host_without_a_folder_receives_nothing():
    decision = loaded(host("alpha", ringrift_path="null")).policy.receives("alpha", MODELS)
    assert (decision.receives, decision.line) == (False, 5)


@pytest.mark.parametrize(
    ("item", "models"),
    [("alpha", False), ("{name: alpha}", False), ("{name: alpha, receive_models: false}", False),
     ("{name: alpha, receive_games: true, receive_npz: true, receive_models: true}", True)],
)  # fmt: skip
def test_an_excluded_host_gets_no_games_and_no_npz_and_models_only_if_it_says_so(item, models):
    policy = loaded(sections=f"sync_routing:\n  excluded_hosts:\n    - {item}\n").policy
    received = {kind for kind in DataType if policy.receives("alpha", kind).receives}
    assert received == ({MODELS, CHECKPOINT} if models else set())
    assert policy.receives("alpha", GAMES).line == 3


def test_models_left_to_an_excluded_host_are_explained_by_the_line_that_leaves_them():
    text = "sync_routing:\n  excluded_hosts:\n    - name: alpha\n      receive_models: true\n"
    decision = loaded(sections=text).policy.receives("alpha", MODELS)
    assert (decision.receives, decision.line) == (True, 4)
    assert "receive_models: true" in decision.because


def test_auto_sync_exclusion_keeps_everything_away():
    policy = loaded(sections="auto_sync: {exclude_hosts: [alpha]}\n").policy
    assert not any(policy.receives("alpha", kind).receives for kind in DataType)


def test_a_coordinator_receives_games_and_npz_on_external_storage_only():
    bare = loaded(host("alpha", role="coordinator")).policy
    assert [bare.receives("alpha", kind).receives for kind in (GAMES, NPZ, MODELS)] == [False, False, True]
    policy = loaded(host("alpha", role="coordinator"), sections=DRIVE + "      receive_npz: false\n").policy
    where = {
        (drive.path if drive else "own", kind)
        for node, drive in places(policy)
        for kind in DataType
        if decision_at(policy, node, drive, kind).receives
    }
    assert where == {
        ("own", MODELS), ("own", CHECKPOINT), ("/Volumes/D", GAMES), ("/Volumes/D", MODELS), ("/Volumes/D", CHECKPOINT)
    }  # fmt: skip
    refused = policy.receives("alpha", NPZ)
    assert (refused.receives, refused.line) == (False, 5)


def test_external_storage_lifts_an_exclusion_for_the_drive_alone():
    sections = DRIVE + "  excluded_hosts: [alpha]\n"
    policy = loaded(sections=sections).policy
    [(node, own), (_, drive)] = places(policy)
    assert not decision_at(policy, node, own, GAMES).receives
    assert decision_at(policy, node, drive, GAMES).receives


def test_skip_sync_receive_is_never_lifted():
    policy = loaded(host("alpha", skip_sync_receive="true"), sections=DRIVE).policy
    assert not policy.receives("alpha", GAMES).receives


@pytest.mark.parametrize(
    ("plane", "expected"),
    [
        ("nodes: {alpha: false}", set()),
        ("nodes: {alpha: {games: false}}", {NPZ, MODELS, CHECKPOINT}),
        ("nodes: {alpha: {checkpoint: false}}", {GAMES, NPZ, MODELS}),
        ("data_types: {models: false}", {GAMES, NPZ}),
    ],
)
def test_switches_turn_off_a_node_or_a_type(plane, expected):
    policy = loaded(sections=f"data_plane: {{{plane}}}\n").policy
    assert {kind for kind in DataType if policy.receives("alpha", kind).receives} == expected
    assert policy.nodes["alpha"].ready is (plane != "nodes: {alpha: false}")


@pytest.mark.parametrize(
    ("name", "keys", "ephemeral"),
    [
        ("vast-1", {}, True), ("runpod-1", {}, True), ("spot-1", {}, True), ("preempt-1", {}, True),
        ("lambda-1", {}, False), ("lambda-1", {"vast_instance_id": "'7'"}, True),
        ("lambda-1", {"is_ephemeral": "true"}, True),
        ("vast-1", {"is_ephemeral": "false"}, False),
    ],
)  # fmt: skip
def test_ephemeral_is_what_the_file_says_else_the_instance_id_or_the_name(name, keys, ephemeral):
    node = loaded(host(name, **keys)).policy.nodes[name]
    assert (node.ephemeral, node.durable) == (ephemeral, not ephemeral)


@pytest.mark.parametrize(
    ("role", "enabled", "training"),
    [("gpu_training_primary", None, True), ("nn_training_primary", None, True), ("gpu_selfplay", None, False),
     ("gpu_selfplay", "true", True), ("gpu_training", "false", False), ("null", None, False)],
)  # fmt: skip
def test_a_training_node_says_so_or_has_training_in_its_role(role, enabled, training):
    assert loaded(host("alpha", role=role, training_enabled=enabled)).policy.nodes["alpha"].training is training


@pytest.mark.parametrize(
    ("gpu", "has"), [("none", False), ("None", False), ("null", False), ("''", False), (None, False), ("L40S", True)]
)
def test_none_is_no_gpu(gpu, has):
    assert loaded(host("alpha", gpu=gpu)).policy.nodes["alpha"].gpu is has


@pytest.mark.parametrize(
    ("name", "provider"),
    [("vast-7", "vast"), ("runpod-x", "runpod"), ("nebius-h100", "nebius"), ("vultr-a", "vultr"),
     ("hetzner-1", "hetzner"),
     ("lambda-1", "lambda"), ("mac-studio", "local"), ("macbook-2", "local"), ("local-mac", "unknown"),
     ("aws-proxy", "unknown")],
)  # fmt: skip
def test_the_provider_is_how_the_name_begins(name, provider):
    assert loaded(host(name)).policy.nodes[name].provider == provider


def test_addresses_are_tailscale_on_22_then_ssh_host_on_its_port():
    node = loaded(host("alpha", ssh_port=2222)).policy.nodes["alpha"]
    assert node.addresses == (Address("100.64.0.9", 22), Address("198.51.100.9", 2222))


def test_a_user_in_the_address_is_the_login_unless_there_is_one():
    node = loaded(host("alpha", ssh_host="root@198.51.100.7", tailscale_ip=None)).policy.nodes["alpha"]
    assert (node.user, node.addresses) == ("root", (Address("198.51.100.7", 22),))
    both = loaded(host("alpha", ssh_host="root@198.51.100.7", ssh_user="ubuntu")).policy.nodes["alpha"]
    assert both.user == "ubuntu"


def test_a_drive_has_the_folders_of_exactly_the_types_it_receives():
    sections = DRIVE + "      receive_npz: false\n      subdirs: {games: raw/games, models: canonical}\n"
    [drive] = loaded(sections=sections).policy.nodes["alpha"].drives
    assert drive.subdirs == {GAMES: "raw/games", MODELS: "canonical", CHECKPOINT: "canonical"}


def test_what_auto_sync_says_goes_before_data_plane():
    sections = "auto_sync: {max_concurrent_syncs: 2}\ndata_plane: {max_concurrent_syncs: 9}\n"
    assert loaded(sections=sections).policy.engine.max_concurrent_syncs == 2
    assert loaded(sections="data_plane: {max_concurrent_syncs: 9}\n").policy.engine.max_concurrent_syncs == 9


@pytest.mark.parametrize(
    ("sections", "target"),
    [("", 3), ("sync_routing: {replication_target: 2}\ndata_plane: {min_replication_factor: 5}\n", 2),
     ("data_plane: {min_replication_factor: 5}\n", 5)],
)  # fmt: skip
def test_the_replication_target_is_stated_or_falls_back(sections, target):
    assert loaded(sections=sections).policy.replication_target == target


def test_there_is_no_bandwidth_cap_and_no_bucket_unless_one_is_written():
    engine = loaded().policy.engine
    assert (engine.bandwidth_bytes_per_second, engine.s3_bucket) == (None, None)
    assert dict(engine.node_bandwidth_bytes_per_second) == {}


def test_old_limits_are_megabytes_and_overrides_are_spread_over_the_hosts_that_match():
    sections = "auto_sync: {bandwidth_limit_mbps: 100, host_bandwidth_overrides: {'vast-*': 50, vast-2: 7}}\n"
    engine = loaded(host("vast-1", 1), host("vast-2", 2), host("other", 3), sections=sections).policy.engine
    assert engine.bandwidth_bytes_per_second == 100_000_000
    assert dict(engine.node_bandwidth_bytes_per_second) == {"vast-1": 50_000_000, "vast-2": 7_000_000}


@pytest.mark.parametrize(
    ("sections", "bucket"),
    [
        ("sync_routing: {s3: {enabled: true, bucket: a}}\ndata_plane: {s3_bucket: b}\n", "a"),
        ("sync_routing: {s3: {enabled: false, bucket: a}}\ndata_plane: {s3_bucket: b}\n", None),
        ("data_plane: {s3_bucket: b}\n", "b"),
        ("data_plane: {s3_bucket: b, s3_enabled: false}\n", None),
        ("data_plane: {s3_enabled: true}\n", None),
    ],
)
def test_the_bucket_is_the_one_that_is_named_and_not_switched_off(sections, bucket):
    assert loaded(sections=sections).policy.engine.s3_bucket == bucket


def test_a_default_threshold_never_contradicts_one_that_is_stated():
    low = loaded(sections="sync_routing: {max_disk_usage_percent: 50}\n").policy.thresholds
    assert low.disk_target_percent <= 50
    high = loaded(sections="sync_routing: {max_disk_usage_percent: 95}\n").policy.thresholds
    assert high.disk_min_free_percent == 5


def test_data_plane_settings_reach_the_engine_in_its_units():
    sections = """
        data_plane:
          node_id: alpha
          bandwidth_limit: 20MB/s
          large_file_threshold: 1 GiB
          ephemeral_snapshot_interval: 5s
          transport_timeout_seconds: 90
          ssh: {known_hosts: /etc/kh, config: ~/.ssh/fleet}
          on_finding: {command: [notify, --now], min_interval: 5m}
          landing: {games: "from/{origin}/{path}"}
          thresholds: {lag_warning: 30m}
    """
    policy = loaded(sections=sections).policy
    engine = policy.engine
    assert (engine.node_id, engine.bandwidth_bytes_per_second) == ("alpha", 20_000_000)
    assert (engine.large_file_threshold_bytes, engine.stall_timeout_seconds) == (1024**3, 90)
    assert engine.ephemeral_snapshot_interval_seconds == 5
    assert (engine.ssh.known_hosts, engine.ssh.config) == ("/etc/kh", "~/.ssh/fleet")
    assert engine.on_finding is not None
    assert (engine.on_finding.command, engine.on_finding.min_interval_seconds) == (("notify", "--now"), 300)
    assert engine.landing[GAMES] == "from/{origin}/{path}"
    assert policy.thresholds.lag_warning_seconds == 1_800


def test_rules_of_the_file_come_first_and_built_in_ones_catch_the_rest():
    sections = """
        sync_routing:
          replication_target: 2
          rules:
            - name: near
              match: {data_type: npz, config_key: "hex8_*", size: ">100MB", age: "1h..2d", region: eu-*}
              place: [{selector: "region=eu-*", copies: 2}, external]
              priority: high
              deadline: 2h
              via: rsync
    """
    first, *built_in = loaded(sections=sections).policy.rules
    assert (first.name, first.line, first.priority, first.deadline_seconds) == ("near", 4, 75, 7_200)
    assert (first.match.data_types, first.match.config_key) == (frozenset({NPZ}), "hex8_*")
    assert (first.match.min_size_bytes, first.match.max_size_bytes) == (100_000_000, None)
    assert (first.match.min_age_seconds, first.match.max_age_seconds) == (3_600, 172_800)
    assert [(p.selector, p.copies) for p in first.place] == [("region=eu-*", 2), ("external", None)]
    assert first.via == ("rsync",)
    assert {kind for rule in built_in for kind in rule.match.data_types} == set(DataType)
    assert all(rule.line is None for rule in built_in)
    assert all(("durable", 2) in [(p.selector, p.copies) for p in rule.place] for rule in built_in)
