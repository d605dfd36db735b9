"""A file of numbers as an array that takes no memory while nothing looks at it."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


class MappedArray:
    """The numbers of a file that is not empty. What is written to ``array`` is written to the file.

    Raises OSError when the file cannot be mapped.
    """

    def __init__(self, path: Path, kind: np.dtype[Any]) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self.array: npt.NDArray[Any] = np.frombuffer(self._map, kind)

    def rest(self) -> None:
        """Give back the memory of what was looked at; the system may keep it as a cache, and what changed stays."""
        self._map.madvise(mmap.MADV_DONTNEED)
