"""Where a lab keeps what: every path below its one folder. Short names, since a control socket's path has 104 bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LabPlaces:
    """The paths of a lab in ``folder``; nothing here touches the disk."""

    folder: Path

    @property
    def config(self) -> Path:
        """The lab's distributed_hosts.yaml."""
        return self.folder / "distributed_hosts.yaml"

    @property
    def state(self) -> Path:
        """Where an engine on this lab keeps its state."""
        return self.folder / "state"

    @property
    def record(self) -> Path:
        """What a later start needs to know; its presence says that the folder is a lab."""
        return self.folder / "lab.json"

    @property
    def log(self) -> Path:
        """What the machines say on standard error."""
        return self.folder / "lab.log"

    @property
    def identity(self) -> Path:
        """The private key that every node lets in."""
        return self.folder / "keys" / "id_lab"

    @property
    def identity_public(self) -> Path:
        """The public half of it."""
        return self.folder / "keys" / "id_lab.pub"

    @property
    def known_hosts(self) -> Path:
        """Vouches for every node but the one that waits to be enrolled."""
        return self.folder / "known_hosts"

    @property
    def drive(self) -> Path:
        """The coordinator's external drive."""
        return self.folder / "drive"

    @property
    def machines(self) -> Path:
        """The descriptions of the machines."""
        return self.folder / "machines"

    def host_key(self, node_id: str) -> Path:
        """Return a node's private host key."""
        return self.folder / "keys" / f"host_{node_id}"

    def home(self, node_id: str) -> Path:
        """Return a node's home folder."""
        return self.folder / "n" / node_id

    def root(self, node_id: str) -> Path:
        """Return the folder that holds a node's data/ and models/."""
        return self.home(node_id) / "ringrift"
