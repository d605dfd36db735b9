"""Setting up installs what the system lacks where that is allowed, and says exactly what to type where it is not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NEEDED_BY_THE_SCRIPT = ("sh", "dirname", "cat", "cksum", "uname", "env", "true", "chmod", "touch")
PRESENT = ("ssh", "ssh-keygen", "ssh-keyscan", "sshd", "zstd", "curl", "nginx")


class Machine:
    """A PATH of our making: what is on it is there, what is not is missing."""

    def __init__(self, folder: Path, setup: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.log = folder / "log"
        self.systemd = folder / "systemd"
        self.project = folder / "project"
        (self.project / "scripts").mkdir(parents=True)
        shutil.copy(setup, self.project / "scripts" / "setup.sh")
        for name in NEEDED_BY_THE_SCRIPT:
            (self.bin / name).symlink_to(shutil.which(name) or pytest.fail(f"{name} is not on this machine"))
        for name in PRESENT:
            self.program(name, "exit 0")
        self.program("python3", f'exec {sys.executable} "$@"')

    def program(self, name: str, script: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def set_up(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", str(self.project / "scripts" / "setup.sh")],
            env={"PATH": str(self.bin), "SBIN": str(self.bin), "SYSTEMD": str(self.systemd), "HOME": str(self.project)},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def logged(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def machine(tmp_path: Path, repository: Path) -> Machine:
    """Return a machine that lacks rsync."""
    return Machine(tmp_path, repository / "scripts" / "setup.sh")


def test_without_the_right_to_install_the_exact_command_is_printed_and_nothing_is_done(machine: Machine) -> None:
    machine.program("id", "echo 1000")
    machine.program("apt-get", f'echo "$@" >>{machine.log}')
    done = machine.set_up()
    assert done.returncode == 1
    assert "apt-get update && apt-get install -y --no-install-recommends rsync\n" in done.stderr
    assert "sudo" not in done.stderr
    assert machine.logged() == []
    assert not (machine.project / ".venv").exists()


def test_where_there_is_a_sudo_that_asks_the_command_that_is_printed_uses_it(machine: Machine) -> None:
    machine.program("id", "echo 1000")
    machine.program("sudo", "exit 1")
    machine.program("apt-get", f'echo "$@" >>{machine.log}')
    done = machine.set_up()
    assert done.returncode == 1
    assert "sudo apt-get update && sudo apt-get install -y --no-install-recommends rsync\n" in done.stderr
    assert machine.logged() == []


def test_servers_that_come_with_the_programs_do_not_stay_on(machine: Machine) -> None:
    (machine.bin / "nginx").unlink()
    machine.program("id", "echo 0")
    machine.systemd.mkdir()
    machine.program("systemctl", f'echo "systemctl $@" >>{machine.log}')
    machine.program(
        "apt-get",
        f"touch {machine.bin}/rsync {machine.bin}/nginx; chmod +x {machine.bin}/rsync {machine.bin}/nginx",
    )
    done = machine.set_up()
    assert machine.logged() == ["systemctl disable --quiet --now nginx"]
    assert "systemctl enable --now nginx" in done.stderr


def test_as_root_what_is_missing_is_installed_after_refreshing_an_old_package_list(machine: Machine) -> None:
    machine.program("id", "echo 0")
    machine.program(
        "apt-get",
        f'echo "$@" >>{machine.log}\n'
        f"[ $1 = update ] && touch {machine.bin}/updated && exit 0\n"
        f"[ -e {machine.bin}/updated ] || exit 100\n"
        f"touch {machine.bin}/rsync; chmod +x {machine.bin}/rsync",
    )
    done = machine.set_up()
    install = "install -y --no-install-recommends rsync"
    assert machine.logged() == [install, "update", install]
    # It went on to the Python environment, which this project has no requirements for.
    assert "syncdeck needs" not in done.stderr


def test_sudo_that_asks_for_nothing_is_used(machine: Machine) -> None:
    machine.program("id", "echo 1000")
    machine.program("sudo", f'echo "sudo $@" >>{machine.log}\nshift; exec "$@"')
    machine.program("apt-get", f"touch {machine.bin}/rsync; chmod +x {machine.bin}/rsync")
    machine.set_up()
    install = "apt-get install -y --no-install-recommends rsync"
    assert f"sudo -n env DEBIAN_FRONTEND=noninteractive {install}" in machine.logged()


def test_a_python_that_is_too_old_is_named_as_the_reason(machine: Machine) -> None:
    machine.program("python3", "exit 1")
    done = machine.set_up()
    assert done.returncode == 1
    assert "Python 3.11 or newer" in done.stderr


def test_on_a_mac_without_homebrew_the_brew_command_is_printed(machine: Machine) -> None:
    (machine.bin / "uname").unlink()
    machine.program("uname", "echo Darwin")
    done = machine.set_up()
    assert done.returncode == 1
    assert "brew install rsync" in done.stderr
