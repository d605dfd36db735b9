"""Caps on the running transfers that together never pass a written limit: fleet-wide and per node."""

from __future__ import annotations

from config.types import EngineSettings

FLEET = ""
"""The name under which the fleet-wide limit is kept; no node is called so."""


class BandwidthLedger:
    """Grants each transfer half of what is left of every limit it falls under. Owned by the event loop.

    rsync takes its cap once, at the start, so a grant holds until its transfer ends. Halving keeps something for
    the transfers that start later; without a written limit there is no cap at all.
    """

    def __init__(self) -> None:
        self._granted: dict[int, tuple[int, tuple[str, ...]]] = {}

    def grant(self, transfer_id: int, settings: EngineSettings, source_node: str, target_node: str) -> int | None:
        """Return bytes/s for one transfer, or None where no limit applies."""
        limits = {FLEET: settings.bandwidth_bytes_per_second}
        for node in (source_node, target_node):
            limits[node] = settings.node_bandwidth_bytes_per_second.get(node)
        written = {name: limit for name, limit in limits.items() if limit is not None}
        if not written:
            return None
        share = min(max(1, (limit - self._used(name)) // 2) for name, limit in written.items())
        self._granted[transfer_id] = (share, tuple(written))
        return share

    def release(self, transfer_id: int) -> None:
        """Give a grant back."""
        self._granted.pop(transfer_id, None)

    def _used(self, name: str) -> int:
        return sum(share for share, names in self._granted.values() if name in names)
