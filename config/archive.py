"""From ``data_plane.archive`` to what archiving is told."""

from __future__ import annotations

from config.archive_settings import DAY_SECONDS, PROTECTED_NAMES, ArchiveSettings
from config.schema.archive import Archive


def build_archive(section: Archive | None) -> ArchiveSettings:
    """Return the settings; a default where the file is silent."""
    default = ArchiveSettings()
    if section is None:
        return default
    fresh, age = section.fresh_verification, section.age_days
    return ArchiveSettings(
        location=section.location,
        path=(section.path or default.path).rstrip("/") or default.path,
        codec=section.codec or default.codec,
        age_seconds=default.age_seconds if age is None else age * DAY_SECONDS,
        max_deletions_per_run=section.max_deletions_per_run or default.max_deletions_per_run,
        fresh_verification_seconds=default.fresh_verification_seconds if fresh is None else fresh,
        protect=tuple(dict.fromkeys((*PROTECTED_NAMES, *(section.protect or ())))),
    )
