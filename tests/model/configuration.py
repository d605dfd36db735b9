"""The model fleet's configuration: a real file, rewritten by its operator's scripts and edited by the rules desk."""

from __future__ import annotations

import re
from pathlib import Path

from config.load import LoadedConfig, load

ROOT = "/root/data"
DRIVE = "/Volumes/Drive"
DRIVE_LOCATION = f"mac-1:{DRIVE}"
OUTSIDE = ((2, DRIVE_LOCATION), (1, "nas-1"), (3, "nas-1"), (1, "vast-2"))
"""What scripts change the file between: how many copies are wanted, and where archives go."""

_TEXT = f"""\
# The fleet of a model.
hosts:
  vast-1: {{ssh_host: 127.0.0.1, ringrift_path: {ROOT}, role: gpu_selfplay, status: ready, is_ephemeral: true}}
  vast-2: {{ssh_host: 127.0.0.1, ringrift_path: {ROOT}, role: gpu_selfplay, status: ready, is_ephemeral: true}}
  nas-1: {{ssh_host: 127.0.0.1, ringrift_path: {ROOT}, role: storage, status: ready, is_ephemeral: false}}
  mac-1: {{ssh_host: 127.0.0.1, ringrift_path: {ROOT}, role: storage, status: ready, is_ephemeral: false}}

sync_routing:
  replication_target: 2
  allowed_external_storage:
    - {{host: mac-1, path: {DRIVE}, receive_games: true, subdirs: {{games: selfplay_repository}}}}

data_plane:
  node_id: mac-1
  archive:
    location: "{DRIVE_LOCATION}"
    codec: gzip
    max_deletions_per_run: 9
"""


class Configuration:
    """One file."""

    def __init__(self, path: Path) -> None:
        path.write_text(_TEXT, encoding="utf-8")
        self.path = path
        self.rewrites = 0
        """How often somebody other than the engine wrote it."""
        self.outside = OUTSIDE[0]

    def read(self) -> LoadedConfig:
        """Return what the file amounts to now."""
        return load(self.path)

    def rewrite(self, pick: int) -> None:
        """Have a script write its lines anew, and nothing else."""
        target, location = self.outside = OUTSIDE[pick % len(OUTSIDE)]
        text = self.path.read_text(encoding="utf-8")
        text = re.sub(r"(?m)^(  replication_target:).*$", rf"\1 {target}", text)
        text = re.sub(r"(?m)^(    location:).*$", rf'\1 "{location}"', text)
        self.path.write_text(text, encoding="utf-8")
        self.rewrites += 1


__all__ = ["DRIVE", "DRIVE_LOCATION", "OUTSIDE", "ROOT", "Configuration"]
