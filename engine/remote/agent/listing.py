"""What a folder holds, listed once where many of its files are asked for."""

from __future__ import annotations

import itertools
import os
from typing import Optional, Set, Union

LISTED_PER_FILE = 4
"""A folder is listed while that is cheaper than asking for each name and its companions."""
OVERHANG = 64
WORTH_LISTING = 8
"""Opening, listing and closing a folder costs as much as asking for some names in it."""
WAL = "-wal"


def _listed(folder: Union[int, str], wanted: int) -> Optional[Set[str]]:
    """Return all names in a folder, or None where there are many more than are ``wanted``."""
    with os.scandir(folder) as entries:
        found = {entry.name for entry in itertools.islice(entries, LISTED_PER_FILE * wanted + OVERHANG)}
        return found if next(entries, None) is None else None


class Names:
    """Which names a folder holds. What appears later under a final name is still never overwritten."""

    def __init__(self, fd: int, wanted: int) -> None:
        self._fd = fd
        self._all = _listed(fd, wanted)

    def holds(self, name: str) -> bool:
        """Return whether there is such a name."""
        if self._all is not None:
            return name in self._all
        try:
            os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True


def holds_no_wal(folder: str, wanted: int) -> bool:
    """Return whether a listing shows that no file in a folder has a -wal; False where it is not worth listing.

    However a system spells names, by case or by composition, a -wal's ends like one.
    """
    if wanted < WORTH_LISTING:
        return False
    try:
        names = _listed(folder, wanted)
    except OSError:
        return False
    return names is not None and not any(name.lower().endswith(WAL) for name in names)
