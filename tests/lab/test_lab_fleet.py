"""A lab comes up, can be lost in part, stops without remains, and lets nobody's files be overwritten."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import yaml

from engine.lab.fleet import Lab, LabError, LabOptions
from engine.lab.hosts_file import disk_limits
from tests.fleet_sshd import wait_for_the_end_of

QUIET = LabOptions(writers=False, dies_after_seconds=None)


def answers(port: int) -> bool:
    """Return whether an SSH server greets on a port of loopback."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            return connection.recv(8).startswith(b"SSH-2.0")
    except ConnectionRefusedError:
        return False


def gone(pids: list[int]) -> list[int]:
    """Return which of the processes are still there; zombies wait for their parent and do nothing."""
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


def test_a_stopped_lab_leaves_no_process_and_no_port(tmp_path: Path) -> None:
    lab = Lab.create(tmp_path / "lab", options=LabOptions(dies_after_seconds=None))
    lab.start()
    pids, ports = lab.process_ids(), lab.ports
    assert len(pids) >= 6  # three machines with their writers
    assert all(answers(port) for port in ports.values())
    lab.stop()
    assert gone(pids) == []
    assert not any(answers(port) for port in ports.values())


def test_a_lab_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from engine.lab.fleet import Lab, LabOptions\n"
        f"lab = Lab.create({str(tmp_path / 'lab')!r}, options=LabOptions(dies_after_seconds=None))\n"
        "lab.start(); print(*lab.process_ids(), flush=True); sys.stdin.read()"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert starter.stdin is not None and starter.stdout is not None
    processes = [psutil.Process(int(pid)) for pid in starter.stdout.readline().split()]
    assert processes
    starter.kill()
    starter.communicate()
    wait_for_the_end_of(processes)


def test_a_lost_node_is_gone_and_the_others_stay(tmp_path: Path) -> None:
    with Lab.create(tmp_path / "lab", options=QUIET) as lab:
        lab.lose("vast-4090-1")
        alive = {node_id: answers(port) for node_id, port in lab.ports.items()}
        assert [node_id for node_id, up in alive.items() if not up] == ["vast-4090-1"]
        lab.start()
        assert answers(lab.ports["vast-4090-1"])


def test_the_doomed_node_dies_by_itself(tmp_path: Path) -> None:
    with Lab.create(tmp_path / "lab", options=LabOptions(writers=False, dies_after_seconds=0.5)) as lab:
        processes = list(lab._running.values())
        (doomed,) = [process for group, process in lab._running.items() if group[0].dies]
        assert doomed.wait(30) == -signal.SIGKILL
        assert [process.poll() for process in processes if process is not doomed] == [None, None]
        assert not answers(lab.ports["vast-4090-1"])


def test_ports_and_enrolled_keys_stay_from_one_start_to_the_next(tmp_path: Path) -> None:
    with Lab.create(tmp_path / "lab", options=QUIET) as lab:
        ports = lab.ports
        with lab.places.known_hosts.open("a") as known_hosts:
            known_hosts.write(f"[127.0.0.1]:{ports['lambda-gh200-2']} ssh-ed25519 AAAA enrolled\n")
    with Lab.create(tmp_path / "lab", options=QUIET) as again:
        assert again.ports == ports
        assert "enrolled" in again.places.known_hosts.read_text()


def test_a_port_that_another_process_took_is_replaced_everywhere(tmp_path: Path) -> None:
    with Lab.create(tmp_path / "lab", options=QUIET) as lab:
        taken = lab.ports["hetzner-cpu1"]
    with socket.create_server(("127.0.0.1", taken)), Lab.create(tmp_path / "lab", options=QUIET) as again:
        new = again.ports["hetzner-cpu1"]
        assert new != taken
        hosts = yaml.safe_load(again.config_path.read_text())["hosts"]
        assert hosts["hetzner-cpu1"]["ssh_port"] == new
        assert f"[127.0.0.1]:{new} " in again.places.known_hosts.read_text()


def test_a_folder_with_something_else_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(LabError):
        Lab.create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_fewer_than_six_nodes_are_refused_and_more_are_served(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="at least 6"):
        Lab.create(tmp_path / "small", nodes=5)
    assert not (tmp_path / "small").exists()
    assert len(Lab.create(tmp_path / "large", nodes=40).nodes) == 41


def test_a_lab_starts_where_other_packages_are_called_engine(tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "__init__.py").write_text("raise SystemExit('the foreign engine was imported')")
    code = (
        f"import os, sys; sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})\n"
        "from engine.lab.fleet import Lab, LabOptions\n"
        f"os.chdir({str(tmp_path)!r}); os.environ['PYTHONPATH'] = {str(tmp_path)!r}\n"
        "with Lab.create('lab', options=LabOptions(writers=False)) as lab: print(len(lab.ports))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "8"), done.stderr


def test_the_hosts_file_has_the_users_shape(tmp_path: Path) -> None:
    lab = Lab.create(tmp_path / "lab")
    raw = yaml.safe_load(lab.config_path.read_text())
    assert set(raw) == {"sync_routing", "auto_sync", "data_plane", "hosts"}
    assert list(raw["hosts"]) == [node.node_id for node in lab.nodes]
    assert [name for name, host in raw["hosts"].items() if host["training_enabled"]] == [
        "lambda-gh200-1",
        "nebius-h100-1",
    ]
    assert [name for name, host in raw["hosts"].items() if host.get("is_ephemeral")] == ["vast-4090-1", "vast-5090-2"]
    assert json.loads((tmp_path / "lab" / "lab.json").read_text())["ports"].keys() == raw["hosts"].keys()


@pytest.mark.parametrize("used_percent", [1, 22, 58, 70, 92, 97])
def test_disk_limits_never_stop_a_lab_and_keep_their_order(used_percent: int) -> None:
    limits = disk_limits(100_000, used_percent * 1_000)
    assert used_percent <= limits.target_percent < limits.max_percent <= 99
    assert 0 <= limits.min_free_percent < 100 - used_percent


def test_nothing_of_a_running_lab_writes_to_the_terminal(tmp_path: Path) -> None:
    read, write = os.pipe()
    code = (
        "import sys; from engine.lab.fleet import Lab, LabOptions\n"
        f"lab = Lab.create({str(tmp_path / 'lab')!r}, options=LabOptions(dies_after_seconds=None))\n"
        "lab.start(); lab.lose('vast-4090-1'); lab.stop()"
    )
    subprocess.run([sys.executable, "-c", code], stdout=write, stderr=write, check=True, timeout=60)
    os.close(write)
    readable, _, _ = select.select([read], [], [], 0)
    said = os.read(read, 1000) if readable else b""
    os.close(read)
    assert said == b""
