"""Which transfers were blocked because their source was damaged, and need not be any more. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from engine.model import DataEntry, ReplicaState, Transfer


def mended(damaged: Sequence[Transfer], page: Sequence[DataEntry]) -> list[int]:
    """Return the ids of those whose damaged source was written anew or is gone, or that another copy can serve.

    The first is read again; the others end, and are planned anew from what there is. ``damaged`` are blocked as
    SOURCE_DAMAGED.
    """
    if not damaged:
        return []  # As on nearly every page of every pass: a million entries are not named for nothing.
    entries = {str(entry.key): entry for entry in page}
    return [
        transfer.id
        for transfer in damaged
        if (entry := entries.get(str(transfer.key))) is not None and _is_mended(entry, transfer)
    ]


def _is_mended(entry: DataEntry, transfer: Transfer) -> bool:
    at_source = next((replica for replica in entry.replicas if replica.location == transfer.source), None)
    if at_source is None or at_source.state is not ReplicaState.BAD:
        return True
    return any(r.state is ReplicaState.CURRENT and r.location != transfer.target for r in entry.replicas)
