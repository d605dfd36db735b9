"""How many small files travel together: as many as a link moves in a few seconds. Pure."""

from __future__ import annotations

from collections.abc import Mapping

LARGEST_FILE_BYTES = 8 << 20
"""Larger files gain nothing: starting two agents takes a third of a second, and they are resumed where they broke."""
FIRST_FILES, FIRST_BYTES = 500, 64 << 20
MOST_FILES, MOST_BYTES = 4_000, 256 << 20
LEAST_FILES, LEAST_BYTES = 25, 2 << 20
SHORT_SECONDS, LONG_SECONDS = 2.0, 5.0
"""A full batch that takes less makes the next one larger, one that takes more smaller: nothing urgent waits longer."""
BATCHES_PER_NODE = 3
"""One starts and one ends while another moves; of the five transfers that a node carries unless told otherwise, the
other places stay free for single files."""

Link = tuple[str, str]
Size = tuple[int, int]
"""Files, bytes."""


class BatchSizes:
    """The size of the next batch for each link (source and target location). Owned by the event loop."""

    def __init__(self) -> None:
        self._sizes: dict[Link, Size] = {}

    def all(self) -> Mapping[Link, Size]:
        """Return what was learnt."""
        return self._sizes

    def of(self, link: Link) -> Size:
        """Return the most files and bytes of the next batch over a link."""
        return self._sizes.get(link, (FIRST_FILES, FIRST_BYTES))

    def took(self, link: Link, files: int, size_bytes: int, seconds: float) -> None:
        """Learn from a batch that was carried out. One that was not full tells nothing of a larger one."""
        most_files, most_bytes = self.of(link)
        if seconds > LONG_SECONDS:
            smaller = (max(LEAST_FILES, most_files // 2), max(LEAST_BYTES, most_bytes // 2))
            self._sizes[link] = smaller
        elif seconds < SHORT_SECONDS and (2 * files > most_files or 2 * size_bytes > most_bytes):
            self._sizes[link] = (min(MOST_FILES, 2 * most_files), min(MOST_BYTES, 2 * most_bytes))
