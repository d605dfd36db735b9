from __future__ import annotations

import pytest
from cluster_text import FLEET, TEMPLATE, cluster, host, loaded

from config.errors import ConfigError
from config.lint import lint
from config.load import find_config, load, load_text
from config.types import DataType, Severity


@pytest.mark.parametrize(("path", "hosts"), [(FLEET, 42), (TEMPLATE, 7)], ids=["fleet", "template"])
def test_the_users_own_files_load_unchanged(path, hosts):
    assert len(load(path).policy.nodes) == hosts


@pytest.mark.parametrize(
    "sections",
    [
        "",
        "sync_routing:\nauto_sync:\ndata_plane: null\np2p_voters: ~\n",
        "sync_routing: {excluded_hosts: [], priority_hosts: null, replication_target: ~, rules: null}\n",
        "sync_routing: {excluded_hosts: [alpha]}\n",
        "sync_routing: {excluded_hosts: [{name: alpha, receive_games: false, receive_npz: false, reason: full}]}\n",
        "sync_routing: {excluded_hosts: [{name: alpha}, beta]}\n",
        "sync_routing: {s3: {enabled: true, bucket: b, push_enabled_hosts: [], sync_interval: 300}}\n",
        "auto_sync: {host_bandwidth_overrides: {'vast-*': 50, 'x-*': null}, exclude_hosts: null}\n",
        "my_own_section: {anything: [1, 2]}\nsync_routing: {my_key: 1}\n",
        "data_plane: {nodes: {alpha: true, beta: null, gamma: {games: false}}, manifest_refresh_interval: 60.0}\n",
    ],
)
def test_every_shape_that_files_have_had_loads(sections):
    assert "alpha" in loaded(sections=sections).policy.nodes


@pytest.mark.parametrize(
    "keys",
    [
        {"gpu": "null"}, {"gpu": "''"}, {"gpu": "none"}, {"gpu": "false"}, {"vast_instance_id": "'7'"},
        {"vast_instance_id": "7"}, {"ssh_port": "'2222'"}, {"ssh_port": "null"}, {"note": "2025-12-30"}, {"note": "7"},
        {"tailscale_ip": "100.x.x.x"}, {"ssh_host": "root@198.51.100.7"}, {"ringrift_path": "null"}, {"role": "null"},
        {"venv_activate": "':'"}, {"p2p_priority_boost": "5"}, {"storage_paths": "{games: /g, logs: null}"},
        {"colour": "blue"},
    ],
)  # fmt: skip
def test_every_odd_but_real_value_of_a_host_loads(keys):
    assert "alpha" in loaded(host("alpha", **keys)).policy.nodes


def test_unknown_keys_are_kept_and_can_be_asked_for():
    assert loaded(host("alpha", colour="blue")).policy.nodes["alpha"].attributes["colour"] == "blue"


@pytest.mark.parametrize(
    ("text", "line", "key", "remedy"),
    [
        (cluster(host("alpha", ssh_port="many")), 8, "hosts.alpha.ssh_port", "whole number"),
        (cluster(host("alpha", region="no")), 8, "hosts.alpha.region", "quotes"),
        (cluster(host("alpha", p2p_enabled="perhaps")), 8, "hosts.alpha.p2p_enabled", "true or false"),
        (cluster(host("alpha", ssh_port="70000")), 8, "hosts.alpha.ssh_port", "correct the value"),
        (cluster(host("alpha", ssh_host="'-oProxyCommand=x'")), 3, "hosts.alpha.ssh_host", "correct"),
        (cluster("  alpha:\n"), 2, "hosts.alpha", "key: value"),
        (cluster("  12: {ssh_host: a}\n"), 2, "hosts.12", "quotes"),
        (cluster("  'a:b': {ssh_host: a}\n"), 2, "hosts.a:b", "rename"),
        (cluster(sections="sync_routing: {max_disk_usage_percent: 170}\n"), 1, "sync_routing.max", "correct"),
        (cluster(sections="sync_routing: {priority_hosts: alpha}\n"), 1, "sync_routing.priority_hosts", "list"),
        (cluster(sections="sync_routing: {excluded_hosts: [{reason: x}]}\n"), 1, "sync_routing.excluded", "name"),
        (cluster(sections="data_plane: {bandwidth_limit: 20}\n"), 1, "data_plane.bandwidth_limit", "unit"),
        (cluster(sections="data_plane: {on_finding: {command: notify me}}\n"), 1, "data_plane.on_finding", "list"),
        (cluster(sections="data_plane: {landing: {games: '{path}'}}\n"), 1, "data_plane.landing.games", "correct"),
        (cluster(sections="data_plane: {landing: {npz: '../{path}'}}\n"), 1, "data_plane.landing.npz", "correct"),
        (cluster(sections="data_plane: {landing: {npz: '_in/{path}'}}\n"), 1, "data_plane.landing.npz", "correct"),
        (cluster(sections="sync_routing: {rules: [{name: a, place: durabel}]}\n"), 1, "sync_routing.rules", "selector"),
        (cluster(sections="sync_routing: {rules: [{name: a, place: durable, via: c}]}\n"), 1, "sync_routing", "values"),
        (cluster(sections="a: [1\n"), 2, "", "look at this line"),
        (cluster(host("alpha"), host("alpha")), 8, "hosts.alpha", "keep one"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_line_key_and_remedy(text, line, key, remedy):
    with pytest.raises(ConfigError) as caught:
        load_text(text, "fleet.yaml")
    error = caught.value
    assert error.line == line
    assert error.column is not None
    assert error.key.startswith(key)
    assert remedy in error.remedy
    assert str(error).startswith(f"fleet.yaml:{line}:")


def test_a_refusal_holds_everything_that_is_wrong():
    with pytest.raises(ConfigError, match="and 1 more error") as caught:
        loaded(host("alpha", ssh_port="many", cpus="lots"))
    assert len(caught.value.findings) == 2


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "empty"),
        ("- a\n", "a list"),
        ("just words\n", "text"),
        ("sync_routing: {}\n", "no `hosts:`"),
        ("hsts: {a: {}}\n", "is `hsts:` meant"),
        ("hosts:\n", "no host"),
        ("hosts: {}\n", "no host"),
        ("hosts: [a]\n", "not a mapping"),
    ],
)
def test_there_is_never_an_empty_cluster_in_silence(text, cause):
    for read in (lambda: load_text(text, "f"), lambda: lint(text, "f")):
        with pytest.raises(ConfigError, match="f:1:1") as caught:
            read()
        assert cause in caught.value.cause


def test_wrong_values_are_findings_of_lint_beside_what_the_rest_holds():
    text = cluster(host("alpha", cpus="lots", gpu="none"), host("alpha2", ssh_port="x"))
    found = {finding.rule for finding in lint(text, "f")}
    assert {"wrong-type", "gpu-none"} <= found


def test_a_file_that_cannot_be_read_is_an_error_with_its_cause(tmp_path):
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"hosts: \xff\xfe")
    for path, cause in ((tmp_path / "none.yaml", "no such file"), (tmp_path, "cannot be read"), (binary, "UTF-8")):
        with pytest.raises(ConfigError, match=cause):
            load(path)


def test_windows_line_ends_and_a_byte_order_mark_change_nothing():
    text = "\ufeff" + cluster(host("alpha")).replace("\n", "\r\n")
    assert load_text(text, "f").policy.nodes["alpha"].line == 2


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        (["distributed_hosts.yaml", "config/distributed_hosts.yaml", "platform/distributed_hosts.yaml"], 0),
        (["config/distributed_hosts.yaml", "platform/distributed_hosts.yaml"], 0),
        (["platform/distributed_hosts.yaml"], 0),
    ],
)
def test_the_file_is_looked_for_here_then_in_config_then_on_the_platform(tmp_path, present, expected):
    for name in present:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert find_config(None, {}, tmp_path, tmp_path / "platform") == tmp_path / present[expected]


def test_a_file_that_is_named_but_absent_is_an_error_even_where_another_exists(tmp_path):
    (tmp_path / "distributed_hosts.yaml").write_text("x")
    with pytest.raises(ConfigError, match="--config names it"):
        find_config(tmp_path / "other.yaml", {}, tmp_path, tmp_path)
    with pytest.raises(ConfigError, match="SYNCDECK_CONFIG names it"):
        find_config(None, {"SYNCDECK_CONFIG": "other.yaml"}, tmp_path, tmp_path)


def test_the_command_line_goes_before_the_environment(tmp_path):
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("x")
    env = {"SYNCDECK_CONFIG": str(tmp_path / "b.yaml")}
    assert find_config(tmp_path / "a.yaml", env, tmp_path, tmp_path) == tmp_path / "a.yaml"
    assert find_config(None, env, tmp_path, tmp_path) == tmp_path / "b.yaml"


def test_without_any_file_the_error_names_every_place_that_was_tried(tmp_path):
    with pytest.raises(ConfigError, match=r"config/distributed_hosts\.yaml"):
        find_config(None, {}, tmp_path, tmp_path / "platform")


def test_the_policy_has_a_decision_for_every_host_and_type():
    policy = load(FLEET).policy
    assert set(policy.decisions) == {(name, kind) for name in policy.nodes for kind in DataType}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("123", "a number: 123"),
        ("1.5", "a number: 1.5"),
        ("null", "nothing"),
        ("on", "true or false"),
        ("'..'", "'..'"),
    ],
)
def test_a_name_that_cannot_be_one_is_blamed_on_its_own_line(name, said):
    text = cluster(host("alpha"), host(name, 8))
    [finding] = [finding for finding in lint(text, "f") if finding.severity is Severity.ERROR]
    assert (text.splitlines()[finding.line - 1].strip(), finding.column) == (f"{name}:", 3)
    assert said in finding.message
    assert finding.key.startswith("hosts.")


@pytest.mark.parametrize("folder", ["../elsewhere", "/srv", "~/games", "raw/../../x"])
def test_a_folder_that_leads_out_of_its_drive_is_refused(folder):
    text = cluster(
        sections="sync_routing:\n  allowed_external_storage:\n"
        f"    - {{host: alpha, path: /Volumes/D, subdirs: {{games: {folder}}}}}\n"
    )
    with pytest.raises(ConfigError, match="leads out of") as caught:
        load_text(text, "f")
    assert caught.value.key == "sync_routing.allowed_external_storage[1].subdirs.games"


def test_a_missing_key_names_the_misspelt_one_that_stands_for_it():
    text = cluster(sections="sync_routing:\n  allowed_external_storage:\n    - {host: alpha, pth: /Volumes/D}\n")
    with pytest.raises(ConfigError, match="has no `path`; is `pth` meant for it"):
        load_text(text, "f")


def test_a_byte_that_is_no_text_is_shown_with_its_place(tmp_path):
    file = tmp_path / "latin.yaml"
    file.write_bytes("hosts:\n  alpha:\n    note: café\n".encode("latin-1"))
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert (caught.value.line, caught.value.column) == (3, 14)


def test_what_stands_alone_is_named_as_it_is_written():
    text = cluster(sections="sync_routing:\n  rules:\n    - {name: a, place: node=nobody}\n")
    assert "sync_routing.rules[1].place" in {finding.key for finding in lint(text, "f")}
