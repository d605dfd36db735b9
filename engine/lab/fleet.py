"""The lab: makes a fleet's folders, keys and configuration, starts its machines, and ends them without remains."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from engine.errors import ErrorClass, SyncdeckError
from engine.lab.hosts_file import HostsFile, disk_limits
from engine.lab.keys import ensure_key, known_hosts_text, public_key
from engine.lab.machine import MachineSpec
from engine.lab.nodes import COORDINATOR, DEFAULT_NODES, LabNode, lab_nodes, machines
from engine.lab.past import write_past
from engine.lab.places import LabPlaces
from engine.lab.processes import kill_session, session_members, start_machine
from engine.lab.server import LOOPBACK, ServedNode
from engine.lab.writers import WriterSpec, dump

START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 10.0
_DATA_FOLDERS = ("data/games", "data/selfplay", "data/training", "models")


class LabError(SyncdeckError):
    """A lab cannot be made or started."""


@dataclass(frozen=True, slots=True)
class LabOptions:
    """What a lab is like.

    ``dies_after_seconds`` None keeps the doomed node alive; ``writers`` False keeps every node quiet and empty.
    """

    nodes: int = DEFAULT_NODES
    seed: int = 20260101
    dies_after_seconds: float | None = 180.0
    writers: bool = True


class Lab:
    """A fleet on one machine, all of it below one folder. Nothing listens on anything but loopback.

    ``start`` and ``stop`` block (about a second): not for an event loop. As a context manager it runs inside the block.
    """

    def __init__(self, places: LabPlaces, options: LabOptions) -> None:
        self.places = places
        self.nodes = lab_nodes(options.nodes)
        self._options = options
        self._running: dict[tuple[LabNode, ...], subprocess.Popen[bytes]] = {}
        self._ports = self._former_ports()

    @classmethod
    def create(cls, folder: Path | str, nodes: int = DEFAULT_NODES, options: LabOptions | None = None) -> Lab:
        """Make (or find again) a lab in a folder of its own, nothing running yet.

        ``options``, when given, win over ``nodes``. Raises LabError when the folder holds something else, or for
        fewer than six nodes.
        """
        places = LabPlaces(Path(folder).expanduser().resolve())
        _require_own_folder(places)
        try:
            lab = cls(places, options or LabOptions(nodes=nodes))
        except ValueError as error:
            raise _cannot("create lab", places, str(error), "ask for more nodes") from error
        lab._lay_out()
        return lab

    @property
    def config_path(self) -> Path:
        """The lab's distributed_hosts.yaml; its ports are right once the lab has started."""
        return self.places.config

    @property
    def state_dir(self) -> Path:
        """Where an engine on this lab keeps its state."""
        return self.places.state

    @property
    def ports(self) -> Mapping[str, int]:
        """The port on loopback of each node."""
        return dict(self._ports)

    def start(self) -> None:
        """Start every machine that does not run and write the configuration; raises LabError when one does not come up.

        A machine that was lost starts again, with the data that it had.
        """
        groups = [group for group in machines(self.nodes) if group not in self._running]
        for group in groups:
            with self.places.log.open("ab") as log:
                self._running[group] = start_machine("engine.lab.machine", [str(self._describe(group))], log)
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        try:
            for group in groups:
                self._ports.update(self._ports_of(self._running[group], deadline))
        except LabError:
            self.stop()
            raise
        self._write_configuration()

    def lose(self, node_id: str) -> None:
        """Lose a node, as when a rented box is taken away: its machine is killed with all that runs on it.

        A node that shares its machine with others takes them along; the ephemeral ones have machines of their own.
        """
        for group, process in list(self._running.items()):
            if any(node.node_id == node_id for node in group):
                kill_session(process.pid)
                self._end(process)
                del self._running[group]

    def process_ids(self) -> list[int]:
        """Return the processes of the lab that are alive: machines, writers, commands."""
        return [pid for process in self._running.values() for pid in session_members(process.pid)]

    def stop(self) -> None:
        """End everything that the lab started; returns when it is gone. Does nothing to a stopped lab."""
        for process in self._running.values():
            assert process.stdin is not None
            process.stdin.close()
        for process in self._running.values():
            self._end(process)
        self._running.clear()

    def __enter__(self) -> Lab:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        """Wait for a machine that was told to end, insisting after a while, and for all that it started."""
        try:
            process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        kill_session(process.pid)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()

    def _ports_of(self, process: subprocess.Popen[bytes], deadline: float) -> dict[str, int]:
        """Return what a machine says once it serves."""
        assert process.stdout is not None
        said = b""
        while not said.endswith(b"\n"):
            readable, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            more = os.read(process.stdout.fileno(), 65_536) if readable else b""
            if not more:
                raise _cannot("start lab", self.places, "a machine does not come up", f"see {self.places.log}")
            said += more
        return {node_id: int(port) for node_id, port in json.loads(said).items()}

    def _former_ports(self) -> dict[str, int]:
        record = self.places.record
        former = json.loads(record.read_text(encoding="utf-8"))["ports"] if record.exists() else {}
        return {node.node_id: int(former.get(node.node_id, 0)) for node in self.nodes}

    def _lay_out(self) -> None:
        for folder in (self.places.machines, self.places.state, self.places.drive):
            folder.mkdir(parents=True, exist_ok=True)
        ensure_key(self.places.identity, "syncdeck-lab")
        for node in self.nodes:
            (self.places.home(node.node_id) / "tmp").mkdir(parents=True, exist_ok=True)
            for name in _DATA_FOLDERS:
                (self.places.root(node.node_id) / name).mkdir(parents=True, exist_ok=True)
            ensure_key(self.places.host_key(node.node_id), node.node_id)
        if self._options.writers and not self.places.record.exists():
            write_past(self.places.root(COORDINATOR), self.places.drive, self._options.seed, time.time())
        self._write_configuration()

    def _describe(self, group: tuple[LabNode, ...]) -> Path:
        """Write the description of one machine; return its path."""
        path = self.places.machines / f"{group[0].node_id}.json"
        writer_path = path.with_suffix(".writers.json")
        writer_path.write_text(dump([self._writer(node) for node in group]), encoding="utf-8")
        spec = MachineSpec(
            tuple(self._served(node.node_id) for node in group),
            str(writer_path) if self._options.writers else None,
            self._options.dies_after_seconds if any(node.dies for node in group) else None,
        )
        path.write_text(spec.to_json(), encoding="utf-8")
        return path

    def _served(self, node_id: str) -> ServedNode:
        places = self.places
        return ServedNode(
            node_id, places.home(node_id), places.host_key(node_id), places.identity_public, self._ports[node_id]
        )

    def _writer(self, node: LabNode) -> WriterSpec:
        root = self.places.root(node.node_id)
        return WriterSpec(node.node_id, root, node.selfplay, node.trains, node.torn_export, self._options.seed)

    def _write_configuration(self) -> None:
        """Write known_hosts, the hosts file and what a later start needs, each in one piece."""
        disk = shutil.disk_usage(self.places.folder)
        hosts = HostsFile(
            self.nodes,
            self._ports,
            {node.node_id: self._configured_root(node.node_id) for node in self.nodes},
            self.places.identity,
            self.places.known_hosts,
            self.places.drive,
            disk_limits(disk.total, disk.used),
        )
        _replace(self.places.known_hosts, self._known_hosts())
        _replace(self.places.config, hosts.text())
        _replace(self.places.record, json.dumps({"ports": self._ports}, indent=1))

    def _configured_root(self, node_id: str) -> str:
        """Return the root as the users write it; the engine's own node has the user's real home, so there in full."""
        return str(self.places.root(node_id)) if node_id == COORDINATOR else "~/ringrift"

    def _known_hosts(self) -> str:
        path = self.places.known_hosts
        addresses = {node: (LOOPBACK, self._ports[node.node_id]) for node in self.nodes if self._ports[node.node_id]}
        vouched = {
            address: public_key(self.places.host_key(node.node_id))
            for node, address in addresses.items()
            if node.enrolled
        }
        waiting = [address for node, address in addresses.items() if not node.enrolled]
        return known_hosts_text(path.read_text(encoding="utf-8") if path.exists() else "", vouched, waiting)


def _cannot(operation: str, places: LabPlaces, cause: str, remedy: str) -> LabError:
    return LabError(operation, str(places.folder), cause, remedy, ErrorClass.CONFIG)


def _require_own_folder(places: LabPlaces) -> None:
    """Refuse a folder that holds anything but a lab."""
    folder = places.folder
    if folder.exists() and not (folder.is_dir() and (places.record.exists() or not any(folder.iterdir()))):
        raise _cannot("create lab", places, "the folder holds something else", "name a new folder")


def _replace(path: Path, text: str) -> None:
    """Write a file so that an engine which watches it never reads a part; leave it alone when it says so already."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
