"""What archiving is told, with the defaults: values only."""

from __future__ import annotations

from dataclasses import dataclass

DAY_SECONDS = 86_400.0
PROTECTED_NAMES = (
    "canonical_*",
    "unified_elo*",
    "registry*",
    "coordination*",
    "work_queue*",
    "*_backup*",
    "candidate_*",
    "ringrift_best_*",
    "*.npz",
)
"""Names that the users' own clean-up spares, too: its deletions of these cost them training data twice."""


@dataclass(frozen=True, slots=True)
class ArchiveSettings:
    """Where archives go and what may be archived. ``location`` None: the first external drive of the file.

    ``path`` is a folder below the location's root, or absolute on its node. ``protect`` are globs of file names that
    are never archived, those of the shipped list among them.
    """

    location: str | None = None
    path: str = "archives"
    codec: str = "zstd"
    age_seconds: float = 30 * DAY_SECONDS
    max_deletions_per_run: int = 50
    fresh_verification_seconds: float = DAY_SECONDS
    protect: tuple[str, ...] = PROTECTED_NAMES
