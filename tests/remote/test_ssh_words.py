"""Command lines and diagnoses, from recorded words: nothing here connects anywhere."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from config.types import Address
from engine.errors import ErrorClass
from engine.model import NodeState
from engine.remote.diagnose import diagnose, most_telling, no_greeting, unreachable
from engine.remote.links import SESSIONS_PER_MASTER, Links
from engine.remote.ssh import SOCKET_PATH_LIMIT_BYTES, control_path, ssh_argv, usable_ciphers
from engine.remote.types import Endpoint, SshOptions

NODE = Endpoint("gpu-1", False, (Address("192.0.2.7", 2201), Address("100.64.0.7", 22)), "ubuntu", "~/.ssh/id fleet")
ADDRESS = NODE.addresses[0]


def effective(argv: list[str]) -> dict[str, str]:
    """Return what ssh itself makes of the options."""
    shown = subprocess.run([argv[0], "-G", *argv[1:]], capture_output=True, text=True, check=True).stdout
    return {name.lower(): value for name, _, value in (line.partition(" ") for line in shown.splitlines())}


def test_ssh_reads_the_options_as_they_are_meant(tmp_path: Path) -> None:
    hosts, key = tmp_path / "known hosts 100%", tmp_path / "id fleet"
    key.touch()
    options = SshOptions(control_dir=tmp_path, known_hosts=str(hosts), config_file="/dev/null")
    seen = effective(ssh_argv(replace(NODE, identity_file=str(key)), ADDRESS, options, "true"))
    assert (seen["user"], seen["hostname"], seen["port"]) == ("ubuntu", "192.0.2.7", "2201")
    assert (seen["batchmode"], seen["stricthostkeychecking"]) == ("yes", "true")
    assert (seen["forwardagent"], seen["identitiesonly"]) == ("no", "yes")
    assert seen["identityfile"] == str(key)
    assert seen["globalknownhostsfile"] == "/dev/null"
    assert (seen["controlmaster"], seen["controlpersist"]) == ("auto", "60")
    assert seen["ciphers"].startswith("aes128-gcm@openssh.com")
    assert "known hosts 100" in seen["userknownhostsfile"]


def test_the_users_own_known_hosts_count_where_none_is_named(tmp_path: Path) -> None:
    assert "UserKnownHostsFile" not in " ".join(ssh_argv(NODE, ADDRESS, SshOptions(control_dir=tmp_path), "true"))


def test_socket_paths_always_fit(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / ("deep" * 30)):
        path = control_path(NODE, ADDRESS, SshOptions(control_dir=folder), 3)
        assert len(os.fsencode(path)) <= SOCKET_PATH_LIMIT_BYTES
        assert path.parent.stat().st_mode & 0o077 == 0 or path.parent == tmp_path


def test_connections_that_trust_differently_never_share_a_master(tmp_path: Path) -> None:
    options = SshOptions(control_dir=tmp_path)
    paths = {
        control_path(NODE, ADDRESS, options, 0),
        control_path(NODE, ADDRESS, options, 1),
        control_path(NODE, NODE.addresses[1], options, 0),
        control_path(replace(NODE, identity_file="other"), ADDRESS, options, 0),
        control_path(NODE, ADDRESS, replace(options, known_hosts="other"), 0),
    }
    assert len(paths) == 5


def test_ciphers_that_this_ssh_does_not_know_are_left_out() -> None:
    assert usable_ciphers("no-such-cipher,aes128-ctr") == "aes128-ctr"
    assert usable_ciphers("no-such-cipher") is None
    assert usable_ciphers(None) is None


def test_no_master_ever_carries_more_sessions_than_sshd_allows() -> None:
    links = Links()
    held = [links.slot("gpu-1") for _ in range(SESSIONS_PER_MASTER + 1)]
    numbers = [slot.__enter__() for slot in held]
    assert numbers == [0] * SESSIONS_PER_MASTER + [1]
    held[0].__exit__(None, None, None)
    with links.slot("gpu-1") as again:
        assert again == 0


def test_the_address_that_answered_is_tried_first_until_it_fails() -> None:
    links = Links()
    links.answered("gpu-1", NODE.addresses[1])
    assert links.addresses(NODE) == NODE.addresses[::-1]
    links.failed("gpu-1")
    assert links.addresses(NODE) == NODE.addresses


# Recorded from OpenSSH 8.9 to 10.0 on Linux and macOS, addresses replaced.
RECORDED = [
    (255, "ubuntu@192.0.2.7: Permission denied (publickey).", NodeState.AUTH_FAILED),
    (255, "Received disconnect from 192.0.2.7 port 22:2: Too many authentication failures", NodeState.AUTH_FAILED),
    (
        255,
        "No ED25519 host key is known for [192.0.2.7]:2201 and you have requested strict checking.\r\n"
        "Host key verification failed.",
        NodeState.HOST_KEY_UNKNOWN,
    ),
    (
        255,
        "@@@@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@@@@@@@\n"
        "IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\nHost key verification failed.",
        NodeState.HOST_KEY_CHANGED,
    ),
    (255, "ssh: connect to host 192.0.2.7 port 22: Connection refused", NodeState.REFUSED),
    (255, "ssh: connect to host 192.0.2.7 port 22: Connection timed out", NodeState.TIMED_OUT),
    (255, "ssh: connect to host 192.0.2.7 port 22: Operation timed out", NodeState.TIMED_OUT),
    (255, "ssh: connect to host 192.0.2.7 port 22: No route to host", NodeState.TIMED_OUT),
    (255, "Connection timed out during banner exchange", NodeState.TIMED_OUT),
    (
        255,
        "ssh: Could not resolve hostname gpu-1.invalid: Name or service not known",
        NodeState.UNRESOLVED,
    ),
    (
        255,
        "ssh: Could not resolve hostname gpu-1: nodename nor servname provided, or not known",
        NodeState.UNRESOLVED,
    ),
    (255, "client_loop: send disconnect: Broken pipe", NodeState.LOST),
    (255, "Timeout, server 192.0.2.7 not responding.", NodeState.LOST),
    (255, "kex_exchange_identification: Connection closed by remote host", NodeState.LOST),
    (255, "", NodeState.LOST),
    (127, "bash: line 1: python3: command not found", NodeState.NO_PYTHON),
    (127, "sh: 1: python3: not found", NodeState.NO_PYTHON),
    (98, "", NodeState.NO_PYTHON),
    (1, "This account is currently not available.", NodeState.ERROR),
    (-9, "", NodeState.LOST),
    (None, "", NodeState.LOST),
]


@pytest.mark.parametrize(("code", "words", "state"), RECORDED)
def test_what_ssh_says_is_understood(code: int | None, words: str, state: NodeState) -> None:
    diagnosis = diagnose("gpu-1", code, f"mux_client_request_session: session request failed\n{words}\n")
    assert diagnosis.state is state
    assert diagnosis.cause and "mux_client" not in diagnosis.cause
    assert diagnosis.remedy


def test_every_state_has_a_remedy_of_its_own_that_names_the_node() -> None:
    diagnoses = {d.state: d for d in (diagnose("gpu-1", code, words) for code, words, _ in RECORDED)}
    remedies = [d.remedy for d in diagnoses.values()]
    assert len(set(remedies)) == len(diagnoses)
    assert all("gpu-1" in remedy for remedy in remedies)
    assert "nodes enrol gpu-1" in diagnoses[NodeState.HOST_KEY_UNKNOWN].remedy
    assert "nodes enrol gpu-1" in diagnoses[NodeState.HOST_KEY_CHANGED].remedy


@pytest.mark.parametrize(
    "words",
    [
        "/home/me/.ssh/config: line 2: Bad configuration option: nosuch\n"
        "/home/me/.ssh/config: terminating, 1 bad configuration options",
        "/home/me/.ssh/config line 2: Bad port 'abc'.\n/home/me/.ssh/config: terminating, 1 bad configuration options",
        "Can't open user config file /etc/fleet/ssh_config: No such file or directory",
        "Bad owner or permissions on /home/me/.ssh/config",
    ],
)
def test_what_is_wrong_with_sshs_own_configuration_is_no_matter_of_the_network(words: str) -> None:
    diagnosis = diagnose("gpu-1", 255, words)
    assert (diagnosis.state, diagnosis.error_class) == (NodeState.ERROR, ErrorClass.CONFIG)
    assert diagnosis.cause == words.split("\n", maxsplit=1)[0]
    assert "ssh's configuration" in diagnosis.remedy and "gpu-1" in diagnosis.remedy
    assert no_greeting("gpu-1", 255, words, b"") == diagnosis


def test_a_missing_key_file_is_the_cause_not_the_servers_refusal() -> None:
    words = "Warning: Identity file /home/me/.ssh/id_fleet not accessible: No such file or directory.\n"
    diagnosis = diagnose("gpu-1", 255, words + "ubuntu@192.0.2.7: Permission denied (publickey).")
    assert diagnosis.state is NodeState.AUTH_FAILED and "id_fleet not accessible" in diagnosis.cause


def test_only_the_networks_own_failures_are_tried_again_soon() -> None:
    for code, words, state in RECORDED:
        transient = diagnose("gpu-1", code, words).error_class is ErrorClass.TRANSIENT_NETWORK
        assert transient == (state in (NodeState.REFUSED, NodeState.TIMED_OUT, NodeState.LOST))


def test_a_changed_key_at_one_address_is_told_before_a_time_out_at_another() -> None:
    failures = [unreachable("x", "gpu-1", diagnose("gpu-1", code, words)) for code, words, _ in RECORDED]
    assert most_telling(failures).state == NodeState.HOST_KEY_CHANGED.value
