"""Which temporary files are left over: pure, from the names that a scan met."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from engine.integrity.deltas import is_delta_part
from engine.integrity.temporary import TemporaryNames, owner_of, parse_temporary

NO_TRANSFER = 0
"""The transfer id of snapshots that are made only to be hashed; their maker removes them."""


def left_over(paths: Iterable[str], names: TemporaryNames, in_use: Collection[str]) -> list[str]:
    """Return the paths of this engine's temporary files that nothing uses any more.

    Those of earlier runs never are in use: their partial content is sent anew rather than continued, for a
    process orphaned by a killed engine may still be writing to them. Other engines' files are theirs. The files of
    a delta, at either end, are in use as long as the transfer whose part they help to make.
    """
    running = {name.transfer_id for name in map(parse_temporary, in_use) if name and name.run_id == names.run_id}
    chosen = []
    for path in paths:
        name = parse_temporary(path)
        if name is None or name.engine_id != names.engine_id or owner_of(path) in in_use:
            continue
        if name.run_id == names.run_id and name.transfer_id in running and is_delta_part(path):
            continue
        if name.run_id != names.run_id or name.transfer_id != NO_TRANSFER:
            chosen.append(path)
    return chosen
