"""A whole cluster for end-to-end tests: five sshd nodes, a hub with a drive, live databases, and the real command."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fleet import Fleet, openssh_fleet

WRITER = Path(__file__).with_name("writer.py")
TEMPORARY = ".syncdeck-"


@dataclass
class Writer:
    """A process that adds rows to a WAL-mode database and reports each commit."""

    database: Path
    rows_per_second: float = 200.0
    process: subprocess.Popen[str] = field(init=False)
    log: Path = field(init=False)

    def start(self) -> None:
        """Start writing; returns once the first rows are committed."""
        self.log = self.database.with_suffix(".log-of-writer")
        command = [sys.executable, "-I", str(WRITER), str(self.database), str(self.rows_per_second)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def committed(self) -> int:
        """Return the highest row id that is committed now."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=30)) as connection:
            return int(connection.execute("SELECT max(rowid) FROM games").fetchone()[0])

    def stop(self) -> None:
        """End the writer as a power cut would."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@dataclass
class Cluster:
    """The fleet, the hub's drive, the configuration and the state directory."""

    fleet: Fleet
    folder: Path
    config: Path
    state: Path
    drive: Path

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of the real program on this cluster."""
        return [sys.executable, "-m", "syncdeck", "--config", str(self.config), "--state", str(self.state), *arguments]

    def run(self, *arguments: str, timeout_seconds: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run the program to its end."""
        return subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=timeout_seconds, stdin=subprocess.DEVNULL
        )

    def json(self, *arguments: str) -> Any:
        """Run a reading command with --json and return what it printed."""
        done = self.run(*arguments, "--json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the program in a process group of its own."""
        return subprocess.Popen(
            self.command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def copies_of(self, name: str) -> list[Path]:
        """Return every file of that name on nodes and drive, originals included."""
        return sorted([*self.folder.rglob(name)])

    def temporaries(self) -> list[Path]:
        """Return every temporary file of ours anywhere."""
        return list(self.folder.rglob(f".*{TEMPORARY}*"))


def kill(process: subprocess.Popen[str]) -> None:
    """kill -9 a program, the engine process alone: its children must find their own end."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    process.communicate()


@contextlib.contextmanager
def cluster(folder: Path, nodes: int = 5) -> Iterator[Cluster]:
    """Run a cluster of sshd nodes; node ``hub`` is the engine's own and has the external drive."""
    with openssh_fleet(folder, nodes) as fleet:
        hub, drive = folder / "hub", folder / "drive"
        for place in (hub / "data" / "games", hub / "models", drive):
            place.mkdir(parents=True)
        external = [{"host": "hub", "path": str(drive), "receive_games": True, "receive_npz": True}]
        config = fleet.write_hosts(
            engine_node="hub",
            hosts={
                "hub": {
                    "ssh_host": "localhost",
                    "ringrift_path": str(hub),
                    "role": "coordinator",
                    "status": "ready",
                    "memory_gb": 8,
                    "cpus": 2,
                }
            },
            extra={
                "sync_routing": {
                    "replication_target": 3,
                    "max_disk_usage_percent": 99,
                    "target_disk_usage_percent": 98,
                    "min_free_disk_percent": 1,
                    "allowed_external_storage": external,
                },
                "auto_sync": {"interval_seconds": 1, "max_concurrent_syncs": 4},
            },
        )
        yield Cluster(fleet, folder, config, folder / "state", drive)


def make_npz(path: Path, size_bytes: int = 300_000) -> None:
    """Write a training set: a sound zip with one array file in it."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("features.npy", os.urandom(size_bytes))


def rows_of(path: Path) -> int:
    """Return the highest row id of a copy, opened so that nothing is created beside it."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
        return int(connection.execute("SELECT max(rowid) FROM games").fetchone()[0] or 0)


def integrity_of(path: Path) -> str:
    """Return what PRAGMA integrity_check says of a copy."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
