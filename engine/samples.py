"""How full file systems were, from time to time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StorageSample:
    """How full a location's file system was at one moment."""

    location: str
    at: float
    total_bytes: int
    used_bytes: int
