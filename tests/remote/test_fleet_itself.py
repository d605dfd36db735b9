"""The test fleet is real: separate servers, homes and keys, and nothing survives it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import yaml

from tests.fleet import openssh_fleet


def run(fleet, node, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ssh", "-F", str(fleet.ssh_config), node.name, command],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_each_node_answers_with_a_home_of_its_own(tmp_path: Path) -> None:
    with openssh_fleet(tmp_path, count=2) as fleet:
        homes = {run(fleet, node, "echo $HOME").stdout.strip() for node in fleet.nodes}
        assert homes == {str(node.home) for node in fleet.nodes}


def test_a_killed_node_refuses_and_comes_back_with_the_same_key(tmp_path: Path) -> None:
    with openssh_fleet(tmp_path, count=1) as fleet:
        fleet[0].kill()
        assert "refused" in run(fleet, fleet[0], "true").stderr
        fleet[0].start()
        assert run(fleet, fleet[0], "true").returncode == 0


def test_no_process_survives_the_fleet(tmp_path: Path, wait_until: Callable[[Callable[[], bool]], None]) -> None:
    with openssh_fleet(tmp_path, count=1) as fleet:
        command = ["ssh", "-F", str(fleet.ssh_config), "node-0", "echo ready; exec sleep 1000"]
        client = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert client.stdout is not None and client.stdout.readline() == b"ready\n"
        server = psutil.Process(fleet[0].server.pid)
        wait_until(lambda: any(_name(process) == "sleep" for process in server.children(recursive=True)))
        started = server.children(recursive=True)
    client.wait()
    client.stdout.close()
    assert not [process for process in started if _lives(process)]


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.NoSuchProcess:
        return ""


def _lives(process: psutil.Process) -> bool:
    """A process that ended, and waits for init to take note of that, does not live."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_a_noisy_shell_prints_before_the_command(tmp_path: Path) -> None:
    with openssh_fleet(tmp_path, count=1, noisy=True) as fleet:
        result = run(fleet, fleet[0], "echo 'a  b' \"$HOME\"")
        assert result.stdout.startswith("Welcome") and result.stdout.endswith(f"a  b {fleet[0].home}\n")


def test_the_hosts_file_names_every_node(tmp_path: Path) -> None:
    with openssh_fleet(tmp_path, count=2) as fleet:
        path = fleet.write_hosts(hosts={"node-1": {"is_ephemeral": True}}, extra={"auto_sync": {"interval_seconds": 5}})
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert list(document["hosts"]) == ["node-0", "node-1"]
        assert document["hosts"]["node-1"]["is_ephemeral"] is True
        assert document["data_plane"]["node_id"] == "node-0"
