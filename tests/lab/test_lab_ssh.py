"""A lab node is a real SSH host: exit codes, bytes, rsync and lost connections are as with any other."""

from __future__ import annotations

import hashlib
import os
import random
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine.lab.fleet import Lab, LabOptions
from engine.lab.nodes import COORDINATOR
from tests.fleet_sshd import wait_for_the_end_of

NODE = "vultr-a100-1"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Return a quiet lab: no writers, nobody dies."""
    options = LabOptions(writers=False, dies_after_seconds=None)
    with Lab.create(tmp_path_factory.mktemp("ssh") / "lab", options=options) as running:
        yield running


def ssh(lab: Lab, node_id: str, *options: str) -> list[str]:
    """Return the system's own ssh to a node."""
    return [
        "ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes",
        "-o", f"UserKnownHostsFile={lab.places.known_hosts}", "-o", "GlobalKnownHostsFile=/dev/null",
        "-i", str(lab.places.identity), "-p", str(lab.ports[node_id]), *options, "lab@127.0.0.1",
    ]  # fmt: skip


def run(lab: Lab, node_id: str, command: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*ssh(lab, node_id), command], input=data, capture_output=True, timeout=60)


def test_at_least_six_nodes_answer_over_ssh(lab: Lab) -> None:
    enrolled = [node.node_id for node in lab.nodes if node.enrolled and node.node_id != COORDINATOR]
    answers = [run(lab, node_id, "echo $HOME").stdout.decode().strip() for node_id in enrolled]
    assert answers == [str(lab.places.home(node_id)) for node_id in enrolled]
    assert len(answers) >= 6


@pytest.mark.parametrize("status", [0, 1, 5, 127, 254])
def test_exit_codes_arrive_exactly(lab: Lab, status: int) -> None:
    assert run(lab, NODE, f"exit {status}").returncode == status


def test_standard_error_and_output_stay_apart(lab: Lab) -> None:
    done = run(lab, NODE, "echo out; echo err >&2")
    assert (done.stdout, done.stderr) == (b"out\n", b"err\n")


def test_all_byte_values_pass_both_ways(lab: Lab) -> None:
    data = bytes(range(256)) * 4096
    assert run(lab, NODE, "cat", data).stdout == data


def test_the_end_of_a_long_output_is_never_lost(lab: Lab) -> None:
    lengths = [len(run(lab, NODE, "head -c 3000000 /dev/zero; exit 3").stdout) for _ in range(30)]
    assert lengths == [3_000_000] * 30


def test_a_command_that_ends_before_it_took_its_input_gives_its_own_exit_code(lab: Lab) -> None:
    assert run(lab, NODE, "head -c 10 >/dev/null; exit 5", b"x" * 5_000_000).returncode == 5


def test_a_command_sees_no_environment_of_the_one_who_started_the_lab(lab: Lab) -> None:
    names = {line.partition("=")[0] for line in run(lab, NODE, "env").stdout.decode().splitlines()}
    assert names <= {"HOME", "PATH", "SHELL", "LANG", "USER", "LOGNAME", "TMPDIR", "PWD", "SHLVL", "_", "OLDPWD"}


def test_the_node_that_was_rented_today_is_refused_until_it_is_enrolled(lab: Lab) -> None:
    done = run(lab, "lambda-gh200-2", "true")
    assert done.returncode == 255
    assert b"Host key verification failed" in done.stderr


def test_a_stranger_s_key_is_refused(lab: Lab, tmp_path: Path) -> None:
    key = tmp_path / "id_other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    argv = [str(key) if word == str(lab.places.identity) else word for word in ssh(lab, NODE)]
    done = subprocess.run([*argv, "true"], capture_output=True, timeout=60)
    assert done.returncode == 255
    assert b"Permission denied" in done.stderr


def test_many_sessions_over_one_connection_run_side_by_side(lab: Lab, tmp_path: Path) -> None:
    control = f"/tmp/lab-{os.getpid()}.sock"
    options = ("-o", "ControlMaster=auto", "-o", f"ControlPath={control}", "-o", "ControlPersist=30")
    argv = ssh(lab, NODE, *options)
    children = [
        subprocess.Popen([*argv, f"head -c 1000000 /dev/zero; exit {status}"], stdout=subprocess.PIPE)
        for status in range(8)
    ]
    results = [(len(child.communicate(timeout=60)[0]), child.returncode) for child in children]
    subprocess.run([*argv[:-1], "-O", "exit", argv[-1]], capture_output=True, timeout=60)
    assert results == [(1_000_000, status) for status in range(8)]


def test_rsync_copies_a_tree_there_and_back_identically(lab: Lab, tmp_path: Path) -> None:
    chance = random.Random(7)
    source = tmp_path / "source"
    for name in ("a.db", "with space.npz", "deep/er/\N{LATIN SMALL LETTER E WITH ACUTE}.pth"):
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(700_000))
    *command, address = ssh(lab, NODE)
    shell = shlex.join(command)
    there, back = f"{address}:copied/", f"{tmp_path}/back/"
    subprocess.run(["rsync", "-a", "-e", shell, f"{source}/", there], check=True, timeout=60)
    subprocess.run(["rsync", "-a", "-e", shell, there, back], check=True, timeout=60)
    assert tree(Path(back)) == tree(source) == tree(lab.places.home(NODE) / "copied")


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_bytes_pass_from_node_to_node_through_a_pipe(lab: Lab) -> None:
    data = random.Random(11).randbytes(20_000_000)
    (lab.places.home(NODE) / "big").write_bytes(data)
    sender = subprocess.Popen([*ssh(lab, NODE), "cat big"], stdout=subprocess.PIPE)
    assert sender.stdout is not None
    receiver = subprocess.run([*ssh(lab, "hetzner-cpu1"), "cat > big"], stdin=sender.stdout, timeout=60)
    sender.stdout.close()
    assert (sender.wait(60), receiver.returncode) == (0, 0)
    assert (lab.places.home("hetzner-cpu1") / "big").read_bytes() == data


def test_a_command_ends_when_its_client_is_killed(lab: Lab) -> None:
    client = subprocess.Popen(
        [*ssh(lab, NODE), "echo $$; exec sleep 600"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    assert client.stdout is not None
    remote = psutil.Process(int(client.stdout.readline()))
    client.kill()
    client.wait()
    client.stdout.close()
    wait_for_the_end_of([remote])
