"""What a sender reads of a live database: its one version, hashed while it is read."""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional

from engine.remote.agent.chunks import CHUNK_BYTES
from engine.remote.agent.failures import Failure
from engine.remote.agent.live_database import LiveDatabase
from engine.remote.agent.paths import existing
from engine.remote.agent.reading import HashedReading


class LiveFile:
    """A live database as a source: its ``size`` is known once it has begun, and it is only ever sent whole."""

    readable_by_name = False

    def __init__(self, job: Dict[str, Any], news: Callable[[], None]) -> None:
        self.path = existing(job["source_path"])
        self._database = LiveDatabase(self.path, job["live_seconds"], news)
        self.fd = self._database.fd
        self.size = 0
        self._hashed: Optional[HashedReading] = None

    def begin(self, offset: int, news: Callable[[], None]) -> None:
        """Fix the version that is sent."""
        if offset:
            raise Failure("bug", "a live database cannot be sent from byte %d on" % offset, "report this with the log")
        self._database.begin()
        self.size = self._database.size
        self._hashed = HashedReading(self._database.fill)

    def read(self, at_most: int) -> memoryview:
        """Return the next whole pages, being hashed meanwhile; empty at the end. Valid for the next few reads."""
        assert self._hashed is not None
        return self._hashed.read(min(CHUNK_BYTES, max(at_most, self._database.page_bytes)))

    def finish(self) -> str:
        """Return the SHA-256 of the version. Raises Failure source-changed unless all that was read belongs to it."""
        assert self._hashed is not None
        sha256 = self._hashed.sha256()
        self._database.ensure_whole()
        return sha256

    @property
    def games_count(self) -> Optional[int]:
        """The number of games in the version, where counting was quicker than sending."""
        return self._database.games_count()
