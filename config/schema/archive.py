"""``data_plane.archive``: where old data is kept compressed, and how carefully originals are replaced."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from config.schema.base import Duration, Integer, Number, Section


class Archive(Section):
    """``data_plane.archive``."""

    location: str | None = None
    path: Annotated[str, Field(min_length=1)] | None = None
    codec: Literal["zstd", "gzip"] | None = None
    age_days: Annotated[Number, Field(ge=0)] | None = None
    max_deletions_per_run: Annotated[Integer, Field(ge=1)] | None = None
    fresh_verification: Duration | None = None
    protect: list[str] | None = None
