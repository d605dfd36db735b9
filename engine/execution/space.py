"""Space reserved before the first byte: what is on its way to a location counts as used already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from config.types import Thresholds
from engine.errors import ErrorClass, TransferError
from engine.remote.types import RootStatus

SNAPSHOT_MARGIN_BYTES = 16 * 1024 * 1024
"""Left free beside a snapshot, so that a writer's -wal can still grow while it is made."""


@dataclass(slots=True)
class _Reservation:
    file_system: tuple[str, str]
    total_bytes: int
    written_bytes: int = 0

    @property
    def outstanding(self) -> int:
        return max(0, self.total_bytes - self.written_bytes)


class SpaceLedger:
    """Reservations of the running transfers. Owned by the event loop."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, str], _Reservation] = {}
        self.allowed: Callable[[str], float | None] = lambda node: None
        """Returns the limit in percent that an operator set for a node for a time, or None."""

    def outstanding(self, node_id: str, location: str) -> int:
        """Return bytes that are promised at a location and not written yet."""
        place = (node_id, location)
        return sum(r.outstanding for r in self._held.values() if r.file_system == place)

    def reserve_target(
        self,
        transfer_id: int,
        node_id: str,
        status: RootStatus,
        size_bytes: int,
        thresholds: Thresholds,
        may_fill: bool,
    ) -> None:
        """Hold room for a copy. Raises TransferError (no-space) naming what is missing and what mends it.

        ``may_fill``: past the maximum, down to the floor of free space.
        """
        total, used, free = _figures(status)
        promised = self.outstanding(node_id, status.location)
        maximum = max(self.allowed(node_id) or 0.0, thresholds.disk_max_percent)
        limit = maximum if not may_fill else max(maximum, 100.0 - thresholds.disk_min_free_percent)
        room = min(free - promised, int(total * limit / 100.0) - used - promised)
        if size_bytes > room:
            what = "min_free_disk_percent" if may_fill else "max_disk_usage_percent"
            raise TransferError(
                "reserve space at",
                status.location,
                f"{size_bytes} bytes needed, {max(0, room)} allowed below {limit:g} % ({what}), {free} free",
                f"free space on {status.location}, raise {what}, or let an emergency sync fill it",
                ErrorClass.NO_SPACE,
            )
        self._held[(transfer_id, "target")] = _Reservation((node_id, status.location), size_bytes)

    def reserve_snapshot(self, transfer_id: int, node_id: str, status: RootStatus, size_bytes: int) -> None:
        """Hold room for a snapshot beside its database. Raises TransferError (no-space) on the source."""
        _, _, free = _figures(status)
        room = free - self.outstanding(node_id, status.location) - SNAPSHOT_MARGIN_BYTES
        if size_bytes > room:
            raise TransferError(
                "snapshot on",
                status.location,
                f"no space on source: a consistent snapshot needs {size_bytes} bytes beside the database, "
                f"{max(0, room)} are free",
                f"free space on {status.location}, then retry",
                ErrorClass.NO_SPACE,
            )
        self._held[(transfer_id, "snapshot")] = _Reservation((node_id, status.location), size_bytes)

    def written(self, transfer_id: int, bytes_done: int) -> None:
        """Tell how much of a target reservation is on the disk by now."""
        held = self._held.get((transfer_id, "target"))
        if held is not None:
            held.written_bytes = bytes_done

    def release(self, transfer_id: int, what: str | None = None) -> None:
        """Give back a transfer's reservations (``target``, ``snapshot``, or both)."""
        for name in (what,) if what is not None else ("target", "snapshot"):
            self._held.pop((transfer_id, name), None)


def _figures(status: RootStatus) -> tuple[int, int, int]:
    if status.total_bytes is None or status.used_bytes is None or status.free_bytes is None:
        raise TransferError(
            "reserve space at",
            status.location,
            "the node does not tell how full its disk is",
            "look at the node: df must work for the folder",
            ErrorClass.UNSUPPORTED,
        )
    return status.total_bytes, status.used_bytes, status.free_bytes
