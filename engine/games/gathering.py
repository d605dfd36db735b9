"""From blocks of hashes in any order to the file of a sorted set, in bounded memory: sorted runs, merged by ranges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.games.mapped import MappedArray
from engine.games.setfile import DRAFT_SUFFIX, HASH_BYTES, HASH_TYPE, Hashes, file_name, head_of, publish
from engine.games.values import CountedSet

RUN_IDS = 1 << 20
"""Hashes sorted at once: 8 MiB."""


class Gathering:
    """Takes the blocks of one set. Made for one thread at a time; ``close`` removes what it wrote beside the set."""

    def __init__(self, folder: Path, name: str) -> None:
        self._spool_path = folder / f"{name}.spool{DRAFT_SUFFIX}"
        self._spool = self._spool_path.open("w+b")
        self._waiting: list[bytes] = []
        self._waiting_ids = 0
        self._runs: list[int] = []

    def add(self, block: bytes) -> None:
        """Take a block of packed hashes. Raises OSError when the disk is full."""
        self._waiting.append(block)
        self._waiting_ids += len(block) // HASH_BYTES
        if self._waiting_ids >= RUN_IDS:
            self._end_run()

    def finish(self, counted: CountedSet, folder: Path) -> CountedSet:
        """Write the set's file and return it with its path and its number of hashes. Raises OSError."""
        self._end_run()
        self._spool.flush()
        path = folder / file_name(counted.name)
        draft = path.with_suffix(DRAFT_SUFFIX)
        try:
            with draft.open("wb") as file:
                # How many hashes are left once each is there only once is known at the end: room for the largest head.
                head = head_of(replace(counted, unique=sum(self._runs), path=str(path)))
                file.write(head)
                unique = 0
                for part in self._parts():
                    unique += len(part)
                    file.write(part.data)
                done = replace(counted, unique=unique, path=str(path))
                file.seek(0)
                file.write(head_of(done, len(head)))
            publish(draft, path)
        finally:
            draft.unlink(missing_ok=True)
        return done

    def close(self) -> None:
        """Remove the runs."""
        self._spool.close()
        self._spool_path.unlink(missing_ok=True)

    def _end_run(self) -> None:
        if not self._waiting_ids:
            return
        run = np.empty(self._waiting_ids, HASH_TYPE)
        end = 0
        for block in self._waiting:
            start, end = end, end + len(block) // HASH_BYTES
            run[start:end] = np.frombuffer(block, HASH_TYPE)
        self._waiting, self._waiting_ids = [], 0
        run.sort()
        self._spool.write(run.data)
        self._runs.append(len(run))

    def _parts(self) -> Iterator[Hashes]:
        """Yield the set in order, a range of values at a time, each hash once."""
        if not self._runs:
            return
        spool = MappedArray(self._spool_path, HASH_TYPE)
        ends = np.cumsum(self._runs).tolist()
        runs = [spool.array[end - length : end] for end, length in zip(ends, self._runs, strict=True)]
        count = len(runs)
        bounds = np.array([(1 << 64) * part // count for part in range(1, count)], HASH_TYPE)
        cuts = [[0, *np.searchsorted(run, bounds).tolist(), len(run)] for run in runs]
        for part in range(count):
            pieces = [run[cut[part] : cut[part + 1]] for run, cut in zip(runs, cuts, strict=True)]
            ranged = np.concatenate(pieces)
            spool.rest()
            yield _sorted_once(ranged)


def _sorted_once(hashes: Hashes) -> Hashes:
    """Sort hashes in place and return each once; ``numpy.unique`` takes a hundred times as long for these."""
    hashes.sort()
    fresh = np.ones(len(hashes), np.bool_)
    np.not_equal(hashes[1:], hashes[:-1], out=fresh[1:])
    return hashes[fresh]
