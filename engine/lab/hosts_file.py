"""The lab's own ``distributed_hosts.yaml``, in the shape of the users' files. Pure: values in, text out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.lab.nodes import COORDINATOR, LabNode
from engine.lab.server import LOOPBACK


@dataclass(frozen=True, slots=True)
class DiskLimits:
    """Percentages of the disk that the lab lies on, as the configuration writes them."""

    max_percent: int
    target_percent: int
    min_free_percent: int


def disk_limits(total_bytes: int, used_bytes: int) -> DiskLimits:
    """Return the users' usual limits, moved up where this disk is fuller than that: a lab must be able to copy."""
    used = 100.0 * used_bytes / total_bytes
    highest = min(99, max(70, math.ceil(used) + 6))
    target = min(highest - 1, max(60, math.ceil(used) + 3))
    return DiskLimits(highest, target, min(15, math.floor((100.0 - used) / 2)))


@dataclass(frozen=True, slots=True)
class HostsFile:
    """Everything that the text depends on. ``roots`` are the nodes' ringrift_path values."""

    nodes: tuple[LabNode, ...]
    ports: Mapping[str, int]
    roots: Mapping[str, str]
    identity: Path
    known_hosts: Path
    drive: Path
    limits: DiskLimits

    def text(self) -> str:
        """Return the YAML."""
        return "".join((_HEADER, self._routing(), _AUTO_SYNC, self._data_plane(), "\nhosts:\n", self._hosts()))

    def _routing(self) -> str:
        excluded = "".join(f"    - {node.node_id}\n" for node in self.nodes if node.excluded)
        trainers = "".join(f"    - {node.node_id}\n" for node in self.nodes if node.training)
        return (
            "sync_routing:\n"
            f"  max_disk_usage_percent: {self.limits.max_percent}\n"
            f"  target_disk_usage_percent: {self.limits.target_percent}\n"
            f"  min_free_disk_percent: {self.limits.min_free_percent}\n"
            "  replication_target: 3\n"
            f"  excluded_hosts:  # small disks: they play, they do not keep\n{excluded}"
            "  allowed_external_storage:\n"
            f"    - host: {COORDINATOR}\n"
            f"      path: {json.dumps(str(self.drive))}\n"
            "      receive_games: true\n"
            "      receive_npz: true\n"
            "      receive_models: true\n"
            "      subdirs:\n"
            "        games: selfplay_repository\n"
            "        npz: canonical_data\n"
            "        models: canonical_models\n"
            f"  priority_hosts:\n{trainers}"
        )

    def _data_plane(self) -> str:
        return (
            "\ndata_plane:\n"
            f"  node_id: {COORDINATOR}\n"
            "  manifest_refresh_interval: 5\n"
            "  ssh:\n"
            f"    known_hosts: {json.dumps(str(self.known_hosts))}\n"
        )

    def _hosts(self) -> str:
        return "".join(self._host(node) for node in self.nodes)

    def _host(self, node: LabNode) -> str:
        lines = [
            f"ssh_host: {LOOPBACK}",
            f"ssh_port: {self.ports[node.node_id]}",
            "ssh_user: lab",
            f"ssh_key: {json.dumps(str(self.identity))}",
            f"ringrift_path: {json.dumps(self.roots[node.node_id])}",
            f"memory_gb: {32 if node.gpu is None else 96}",
            f"cpus: {8 if node.gpu is None else 32}",
            f"role: {node.role}",
            "status: ready",
            f"selfplay_enabled: {_boolean(bool(node.selfplay))}",
            f"training_enabled: {_boolean(node.training)}",
            "p2p_enabled: true",
        ]
        if node.gpu is not None:
            lines.append(f"gpu: {node.gpu}")
        if node.region is not None:
            lines.append(f"region: {node.region}")
        if node.ephemeral:
            lines.append("is_ephemeral: true")
        if not node.enrolled:
            lines.append("note: rented today, its host key is not enrolled yet")
        return f"  {node.node_id}:\n" + "".join(f"    {line}\n" for line in lines)


_HEADER = """\
# The lab's fleet: every host is a real SSH server on this machine. Made again whenever the lab starts.
"""

_AUTO_SYNC = """
auto_sync:
  enabled: true
  interval_seconds: 10
  max_concurrent_syncs: 4
  exclude_hosts: []
"""


def _boolean(value: bool) -> str:
    return "true" if value else "false"
