"""A fleet of real OpenSSH servers on loopback: own port, host key, home and data root for every node."""

from __future__ import annotations

import getpass
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from config.types import Address
from engine.remote.types import Endpoint, SshOptions
from tests.fleet_sshd import Sshd, make_key, require_tools


@dataclass
class FleetNode:
    """One node: its server, its home folder (``~`` there) and its data root (holds ``data/`` and ``models/``)."""

    name: str
    server: Sshd
    home: Path
    root: Path
    user: str
    identity: Path
    role: str = "gpu_selfplay"
    status: str = "ready"
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def port(self) -> int:
        """The loopback port of the node's sshd."""
        return self.server.port

    @property
    def games(self) -> Path:
        """The node's games folder."""
        return self.root / "data" / "games"

    @property
    def training(self) -> Path:
        """The node's training data folder."""
        return self.root / "data" / "training"

    @property
    def models(self) -> Path:
        """The node's models folder."""
        return self.root / "models"

    @property
    def endpoint(self) -> Endpoint:
        """How the SSH layer reaches this node."""
        return Endpoint(
            node_id=self.name,
            local=False,
            addresses=(Address("127.0.0.1", self.port),),
            user=self.user,
            identity_file=str(self.identity),
        )

    def kill(self) -> None:
        """End the node as a power cut would: server and every process it started, with SIGKILL."""
        self.server.kill()

    def start(self) -> None:
        """Bring the node back on the same port with the same host key."""
        self.server.start()


@dataclass
class Fleet:
    """All nodes, the known_hosts file that trusts them, the identity that they trust, and an ssh_config."""

    folder: Path
    nodes: list[FleetNode]
    identity: Path
    known_hosts: Path
    ssh_config: Path
    user: str

    def __getitem__(self, which: int | str) -> FleetNode:
        if isinstance(which, int):
            return self.nodes[which]
        return next(node for node in self.nodes if node.name == which)

    def options(self, **changes: Any) -> SshOptions:
        """Return SSH options that trust exactly this fleet."""
        control = self.folder / "control"
        control.mkdir(exist_ok=True)
        return SshOptions(control_dir=control, known_hosts=str(self.known_hosts), **changes)

    def write_hosts(
        self,
        path: Path | None = None,
        *,
        engine_node: str | None = None,
        hosts: Mapping[str, Mapping[str, Any]] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Path:
        """Write a ``distributed_hosts.yaml`` for the fleet and return its path.

        ``engine_node`` (default: the first node) becomes ``data_plane.node_id``. ``hosts`` adds or changes keys
        of single hosts (a host unknown to the fleet is added as it is); ``extra`` is merged one level deep into
        the top-level sections.
        """
        path = path or self.folder / "distributed_hosts.yaml"
        listed: dict[str, dict[str, Any]] = {node.name: self._host(node) for node in self.nodes}
        for name, changes in (hosts or {}).items():
            listed.setdefault(name, {}).update(changes)
        document: dict[str, Any] = {
            "hosts": listed,
            "data_plane": {
                "node_id": engine_node or self.nodes[0].name,
                "ssh": {"known_hosts": str(self.known_hosts)},
            },
        }
        for section, value in (extra or {}).items():
            if isinstance(value, Mapping) and isinstance(document.get(section), dict):
                document[section] = {**document[section], **value}
            else:
                document[section] = value
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        return path

    def _host(self, node: FleetNode) -> dict[str, Any]:
        return {
            "ssh_host": "127.0.0.1",
            "ssh_port": node.port,
            "ssh_user": self.user,
            "ssh_key": str(self.identity),
            "ringrift_path": str(node.root),
            "memory_gb": 64,
            "cpus": 16,
            "role": node.role,
            "status": node.status,
            "p2p_enabled": True,
            **node.extra,
        }


def _write_client_files(folder: Path, nodes: list[FleetNode], identity: Path, user: str) -> tuple[Path, Path]:
    known_hosts = folder / "known_hosts"
    known_hosts.write_text(
        "".join(f"[127.0.0.1]:{node.port} {node.server.host_public_key()}\n" for node in nodes), encoding="utf-8"
    )
    lines = []
    for node in nodes:
        lines += [f"Host {node.name}", "  HostName 127.0.0.1", f"  Port {node.port}"]
    lines += [
        "Host *",
        f"  User {user}",
        f"  IdentityFile {identity}",
        "  IdentitiesOnly yes",
        f"  UserKnownHostsFile {known_hosts}",
        "  GlobalKnownHostsFile /dev/null",
        "  StrictHostKeyChecking yes",
        "  BatchMode yes",
    ]
    ssh_config = folder / "ssh_config"
    ssh_config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return known_hosts, ssh_config


def _make_node(folder: Path, name: str, identity: Path, user: str, role: str, noisy: bool, limited: bool) -> FleetNode:
    place = folder / name
    home = place / "home"
    root = home / "ringrift" / "ai-service"
    for data in ("data/games", "data/training", "models"):
        (root / data).mkdir(parents=True)
    server = Sshd(place, Path(f"{identity}.pub").read_text(encoding="utf-8"), home=home, noisy=noisy, limited=limited)
    return FleetNode(name, server, home, root, user, identity, role=role)


@contextmanager
def openssh_fleet(folder: Path, count: int = 5, *, noisy: bool = False, limited: bool = False) -> Iterator[Fleet]:
    """Run ``count`` nodes named ``node-0`` and so on; every process is killed at the end.

    ``limited``: no session may write a file beyond 16 MiB, nor, as root, read and write what its mode forbids.
    ``noisy``: the remote shell prints a greeting on both streams before each command, as many do. The last node
    has the role ``gpu_training_primary``, the first ``backbone``, the others ``gpu_selfplay``. Raises RuntimeError
    with the command that installs OpenSSH where it is missing.
    """
    require_tools()
    folder = Path(folder) / "fleet"
    folder.mkdir(parents=True)
    user = getpass.getuser()
    identity = folder / "identity"
    make_key(identity)
    nodes: list[FleetNode] = []
    try:
        for index in range(count):
            role = "backbone" if index == 0 else "gpu_training_primary" if index == count - 1 else "gpu_selfplay"
            node = _make_node(folder, f"node-{index}", identity, user, role, noisy, limited)
            nodes.append(node)
            node.start()
        known_hosts, ssh_config = _write_client_files(folder, nodes, identity, user)
        yield Fleet(folder, nodes, identity, known_hosts, ssh_config, user)
    finally:
        for node in nodes:
            node.kill()
        shutil.rmtree(folder / "control", ignore_errors=True)
