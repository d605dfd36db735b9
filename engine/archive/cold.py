"""Where archives are kept: a folder of some location. Further kinds of cold storage would implement ``ColdStorage``."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Protocol

from config.types import Policy
from engine.archive.values import ArchiveError, ArchiveRecord
from engine.catalog.roots import LocationRoot, must_be_mounted, roots_of
from engine.errors import ErrorClass
from engine.locations import node_of
from engine.model import EntryKey, LocationState
from engine.remote.types import NodeAgent, RootStatus, ScanRoot

SHARED = "_shared"
"""The folder of entries that have no origin."""
SUFFIXES = {"zstd": "zst", "gzip": "gz"}
VERSION_CHARACTERS = 12


class ColdStorage(Protocol):
    """A place for archives. Every method raises SyncdeckError."""

    @property
    def location(self) -> str:
        """The location that the archives count at."""
        ...

    async def status(self, agent: NodeAgent) -> RootStatus:
        """Return its real path, state and usage; raises ArchiveError where nothing can be kept now."""
        ...


@dataclass(frozen=True, slots=True)
class NodeColdStorage:
    """A folder on a node, below one of its locations' roots or anywhere on it."""

    location: str
    node_id: str
    root: LocationRoot
    path: str

    async def status(self, agent: NodeAgent) -> RootStatus:
        """Return the status of the location's root, or its own folder's; raises ArchiveError if it is not there."""
        root, mounted = self.root.root, self.root.must_be_mounted
        if posixpath.isabs(self.path):
            root, mounted = self.path, must_be_mounted(self.path)
        return await available(agent, ScanRoot(self.location, root, (), mounted))

    def folder(self, status: RootStatus) -> str:
        """Return the absolute folder of the archives."""
        return status.path if posixpath.isabs(self.path) else posixpath.join(status.path, self.path)

    def confines(self, status: RootStatus) -> str:
        """Return the folder that nothing may leave: the location's root, or the folder of archives elsewhere."""
        folder = self.folder(status)
        return status.path if folder.startswith(status.path.rstrip("/") + "/") else folder


async def available(agent: NodeAgent, root: ScanRoot) -> RootStatus:
    """Return the status of a folder tree for archives. Raises ArchiveError, NOT_FOUND, while it is not there.

    What lies in one that is not mounted is unknown, not gone.
    """
    found = (await agent.usage([root]))[0]
    if found.state is not LocationState.AVAILABLE:
        raise ArchiveError(
            "archive at",
            root.location,
            f"the cold storage is {found.state.value}: {found.detail}",
            f"make {found.path} available on {node_of(root.location)}; originals stay as they are",
            ErrorClass.NOT_FOUND,
        )
    return found


def cold_storage(policy: Policy, location: str | None = None) -> NodeColdStorage:
    """Return the configured cold storage, or the one at ``location``. Raises ArchiveError where there is none."""
    settings = policy.engine.archive
    wanted = location or settings.location or _first_drive(policy)
    if wanted is None:
        raise ArchiveError(
            "archive",
            "the fleet's data",
            "no cold storage is configured, and the file names no external drive",
            "write data_plane.archive.location, such as nas-1 or mac-studio:/Volumes/Drive",
            ErrorClass.CONFIG,
        )
    node = node_of(wanted)
    roots = [root for root in roots_of(policy, node) if root.location == wanted]
    if not roots or not policy.nodes[node].ready:
        raise ArchiveError(
            "archive at",
            wanted,
            "it is no location of a host that is in use",
            "see `syncdeck status`",
            ErrorClass.CONFIG,
        )
    return NodeColdStorage(wanted, node, roots[0], settings.path)


def root_of(record: ArchiveRecord) -> ScanRoot:
    """Return the folder tree that an archive was put into."""
    return ScanRoot(record.location, record.root, (), must_be_mounted(record.root))


def archive_name(key: EntryKey, sha256: str, codec: str) -> str:
    """Return where an archive lies below the folder of archives."""
    return f"{key.origin or SHARED}/{key.path}.{sha256[:VERSION_CHARACTERS]}.{SUFFIXES[codec]}"


def _first_drive(policy: Policy) -> str | None:
    drives = [root.location for node in policy.nodes for root in roots_of(policy, node) if root.is_drive]
    return drives[0] if drives else None
