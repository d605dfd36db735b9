"""The whole file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.schema.base import NameList, Section
from config.schema.data_plane import DataPlane
from config.schema.foreign import Consolidation, DiskManagement, EloSync, Protocols, ProviderTimeouts
from config.schema.host import Host, HostName
from config.schema.sections import AutoSync, SyncRouting


class ClusterFile(Section):
    """``distributed_hosts.yaml``, validated. A section that is absent or null is None."""

    hosts: Annotated[dict[HostName, Host], Field(min_length=1)]
    sync_routing: SyncRouting | None = None
    auto_sync: AutoSync | None = None
    data_plane: DataPlane | None = None
    p2p_voters: NameList | None = None
    elo_sync: EloSync | None = None
    consolidation: Consolidation | None = None
    disk_management: DiskManagement | None = None
    protocols: Protocols | None = None
    provider_timeouts: dict[str, ProviderTimeouts | None] | None = None

    @property
    def routing(self) -> SyncRouting:
        """``sync_routing``, empty when absent."""
        return self.sync_routing or SyncRouting()

    @property
    def sync(self) -> AutoSync:
        """``auto_sync``, empty when absent."""
        return self.auto_sync or AutoSync()

    @property
    def plane(self) -> DataPlane:
        """``data_plane``, empty when absent."""
        return self.data_plane or DataPlane()
