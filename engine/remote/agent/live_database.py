"""One consistent version of a database that is being written, read without a copy: a read transaction holds it still.

The transaction keeps checkpoints from passing its mark, so the main file and the frames of the -wal up to any commit at
or after it do not change. One process for one reading: closing any descriptor of the database or its -shm drops
SQLite's locks of the whole process, so ours are opened before it and closed after it.
"""

from __future__ import annotations

import os
import struct
import time
from typing import Any, Callable, Dict, List, Optional
from urllib.parse import quote

from engine.remote.agent import live_frames
from engine.remote.agent.background import Task
from engine.remote.agent.failures import Failure
from engine.remote.agent.live_frames import Moved, WalIndex
from engine.remote.agent.stats import reading_mode, usage

BUSY_SECONDS = 60.0
LOOKS = 20
LOOK_AGAIN_SECONDS = 0.01
MAGIC = b"SQLite format 3\x00"
# sqlite.org/fileformat2: page size (16), write and read version (18, 19; 2 = WAL), file change counter (24), size in
# pages (28), and the change counter for which that size is valid (92).
HEADER_BYTES = 100
PAGE_SIZE_AT, VERSIONS_AT, COUNTER_AT, PAGES_AT, VALID_FOR_AT = 16, 18, 24, 28, 92
WAL_VERSIONS, ROLLBACK_VERSIONS = b"\x02\x02", b"\x01\x01"
# A writer in rollback mode waits as long as we read, and most give up after a while.
ROLLBACK_MODE_SECONDS = 30.0
# What writers may add to the -wal while it cannot be begun anew; never more than half of what the disk has left.
WAL_GROWTH_BYTES = 256 << 20
REMEDY = "free room for a snapshot beside the database, or bring the nodes closer together"


class LiveDatabase:
    """A version of a live database as a sequence of bytes: ``begin`` fixes it, ``fill`` reads on, ``ensure_whole``
    proves at the end that nothing of it moved."""

    def __init__(self, path: str, bound_seconds: float, news: Callable[[], None]) -> None:
        try:
            import sqlite3
        except ImportError:
            raise Failure("unsupported", "this python3 has no sqlite3 module", "install python3's sqlite3") from None
        self._sqlite3: Any = sqlite3
        self.path = path
        self.fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self.size = 0
        self.page_bytes = 0
        self._bound_seconds = bound_seconds
        self._news = news
        self._connection: Any = None
        self._index: Optional[WalIndex] = None
        self._wal_fd = self._shm_fd = -1
        self._frames: Dict[int, int] = {}
        self._pages: List[int] = []
        self._turn = 0
        self._position = 0
        self._games: Optional[Task] = None

    def begin(self) -> None:
        """Fix the version: everything committed before this call is in it. Sets ``size`` in bytes."""
        self._connect()
        self._ensure_same_file()
        header = os.pread(self.fd, HEADER_BYTES, 0)
        if header[: len(MAGIC)] != MAGIC:
            raise Failure("checksum-mismatch", "%s is no SQLite database" % self.path, "restore it from a good copy")
        pages = self._pages_of_main(header)
        if header[VERSIONS_AT : VERSIONS_AT + 2] == WAL_VERSIONS:
            self._index = self._look_at_wal()
            pages = self._index.pages or pages
            self.page_bytes = self._index.page_bytes or self.page_bytes
        else:
            self._bound_seconds = min(self._bound_seconds, ROLLBACK_MODE_SECONDS)
        self.size = pages * self.page_bytes
        self._pages = sorted(page for page in self._frames if page <= pages)
        self._until = time.monotonic() + self._bound_seconds
        self._wal_room = min(WAL_GROWTH_BYTES, usage(os.path.dirname(self.path))["free"] // 2)
        self._wal_bytes = self._wal_size()
        self._games = Task(self._count_games)

    def fill(self, view: memoryview) -> int:
        """Read the next whole pages into ``view``; return how many bytes, 0 at the end. Raises Failure past a bound."""
        self._keep_bounds()
        start = self._position
        length = min(len(view) // self.page_bytes * self.page_bytes, self.size - start)
        view = view[:length]
        self._read_main(view, start)
        self._lay_frames_over(view, start)
        if start == 0 and length:
            self._settle_header(view)
        self._position += length
        return length

    def ensure_whole(self) -> None:
        """Raise Failure source-changed unless everything that was read belongs to the one version."""
        if self._index is not None and self._frames and live_frames.salts_now(self._wal_fd) != self._index.salts:
            raise self._changed("its -wal was begun anew while it was read")
        self._ensure_same_file()

    def games_count(self) -> Optional[int]:
        """Return the number of games in this version, None where there is no such table or counting takes too long."""
        if self._games is None:
            return None
        if not self._games.ended(0.0):
            self._connection.interrupt()
        counted: Optional[int] = self._games.result()
        return counted

    def close(self) -> None:
        """End the transaction, then let go of the files: the other way round the locks would go first."""
        if self._connection is not None:
            self._connection.close()
        for fd in (self._shm_fd, self._wal_fd, self.fd):
            if fd >= 0:
                os.close(fd)

    def _connect(self) -> None:
        """Open the read transaction; never repair anything: that needs room, and is the owner's to do."""
        sqlite3 = self._sqlite3
        uri = "file:%s?mode=%s" % (quote(self.path), reading_mode(self.path))
        try:
            self._connection = sqlite3.connect(
                uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False
            )
            self._connection.execute("BEGIN")
            self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            raise self._refused(str(error)) from error
        except sqlite3.DatabaseError as error:
            cause = "%s is damaged: %s" % (self.path, error)
            raise Failure("checksum-mismatch", cause, "restore it from a good copy, or move it aside") from error

    def _refused(self, words: str) -> Failure:
        journal = self.path + "-journal"
        if ("readonly" in words or "unable to open" in words) and os.path.lexists(journal):
            cause = "%s cannot be sent live: its writer died in the middle of a transaction (hot journal)" % self.path
            return Failure("config", cause, "open it once with its own program, or free room for a snapshot")
        if "locked" in words or "busy" in words:
            cause = "%s is locked by its writer (exclusive mode?)" % self.path
            return Failure("source-changed", cause, "it is tried again by itself")
        if "full" in words or "disk I/O" in words:
            return Failure("no-space", "%s: %s" % (self.path, words), "free some space on this file system")
        return Failure("config", "%s: %s" % (self.path, words), "give the user of this connection access to it")

    def _ensure_same_file(self) -> None:
        ours = os.fstat(self.fd)
        try:
            there = os.stat(self.path)
        except FileNotFoundError:
            raise self._changed("it was removed while it was read") from None
        if (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino):
            raise self._changed("it was replaced while it was read")

    def _pages_of_main(self, header: bytes) -> int:
        """Return the size in pages that the main file states, or has; sets ``page_bytes``."""
        (page_bytes,) = struct.unpack_from(">H", header, PAGE_SIZE_AT)
        self.page_bytes = live_frames.LARGEST_PAGE_BYTES if page_bytes == 1 else page_bytes
        if self.page_bytes < 512 or self.page_bytes & (self.page_bytes - 1):
            raise Failure("checksum-mismatch", "%s has no valid page size" % self.path, "restore it from a good copy")
        (pages,) = struct.unpack_from(">I", header, PAGES_AT)
        if pages and header[COUNTER_AT : COUNTER_AT + 4] == header[VALID_FOR_AT : VALID_FOR_AT + 4]:
            return int(pages)
        return os.fstat(self.fd).st_size // self.page_bytes

    def _look_at_wal(self) -> WalIndex:
        """Return the wal-index header, and find the newest frame of each page unless all are in the main file."""
        self._shm_fd = os.open(self.path + "-shm", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self._wal_fd = os.open(self.path + "-wal", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        for look in range(LOOKS):
            try:
                index = live_frames.read_index(self._shm_fd)
                self._frames = live_frames.newest_frames(self._wal_fd, index, self._news) if index.needs_frames else {}
                return index
            except Moved as moved:
                reason = moved
            time.sleep(LOOK_AGAIN_SECONDS * look)
        raise self._changed(str(reason))

    def _read_main(self, view: memoryview, start: int) -> None:
        """Pages past the main file's end read as zeros: they are in frames, or were never written."""
        os.lseek(self.fd, start, os.SEEK_SET)
        while view:
            count = os.readv(self.fd, [view])
            if not count:
                view[:] = bytes(len(view))
                return
            view = view[count:]

    def _lay_frames_over(self, view: memoryview, start: int) -> None:
        size = self.page_bytes
        while self._turn < len(self._pages):
            page = self._pages[self._turn]
            at = (page - 1) * size - start
            if at >= len(view):
                return
            data = os.pread(self._wal_fd, size, self._frames[page])
            if len(data) != size:
                raise self._changed("its -wal was cut while it was read")
            view[at : at + size] = data
            self._turn += 1

    def _settle_header(self, view: memoryview) -> None:
        """Make it a database in rollback mode whose stated size counts; readers of a copy then create nothing."""
        view[VERSIONS_AT : VERSIONS_AT + 2] = ROLLBACK_VERSIONS
        struct.pack_into(">I", view, PAGES_AT, self.size // self.page_bytes)
        view[VALID_FOR_AT : VALID_FOR_AT + 4] = view[COUNTER_AT : COUNTER_AT + 4]

    def _keep_bounds(self) -> None:
        """A reader holds up checkpoints, or writers: never for long, and never until the disk is full."""
        if time.monotonic() > self._until:
            cause = "no room for a snapshot, and %s takes longer than %.0f s to read over this link" % (
                self.path,
                self._bound_seconds,
            )
            raise Failure("no-space", cause, REMEDY)
        if self._wal_size() - self._wal_bytes > self._wal_room:
            cause = "no room for a snapshot, and its -wal grew by more than %d bytes while %s was read" % (
                self._wal_room,
                self.path,
            )
            raise Failure("no-space", cause, REMEDY)

    def _wal_size(self) -> int:
        return os.fstat(self._wal_fd).st_size if self._wal_fd >= 0 else 0

    def _count_games(self) -> Optional[int]:
        try:
            found = self._connection.execute("SELECT count(*) FROM games").fetchone()
        except self._sqlite3.OperationalError:
            return None  # There is no such table, or the reading ended first: the count is told where it is cheap.
        return int(found[0])

    def _changed(self, why: str) -> Failure:
        return Failure("source-changed", "%s: %s" % (self.path, why), "it is tried again by itself")
