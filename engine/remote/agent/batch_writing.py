"""The temporary files of a batch at the target: written, read back for their hash, made ready to be published."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from collections import OrderedDict
from typing import Any, Dict, List, NamedTuple, Optional

from engine.remote.agent.batch_flush import flush
from engine.remote.agent.batch_format import Piece
from engine.remote.agent.chunks import damaged
from engine.remote.agent.durable import begin_sync
from engine.remote.agent.failures import Failure, from_exception, from_os_error
from engine.remote.agent.holes import remove_holes
from engine.remote.agent.paths import confined, is_temporary, make_parents
from engine.remote.agent.stats import pack_stat, usage
from engine.remote.agent.storing import store

FOLDERS_OPEN = 64
READ_BACK_BYTES = 1 << 20
BEGIN_SYNC_BYTES = 1 << 20
"""From this size on the disk works on a file while the next ones come; below, asking costs more than it saves."""
PUBLISHED_MODE = 0o644
"""The mode that publishing asks for; given here already, so that the one flush covers it."""


class Expected(NamedTuple):
    """One file to be written, as the job names it."""

    path: str
    size: int
    mtime_ns: int
    root: str


class Folders:
    """Open folders, checked once each: a file made in one cannot lead out of its root by a link put in later."""

    def __init__(self) -> None:
        self._open: "OrderedDict[str, int]" = OrderedDict()

    def of(self, file: Expected, folder: str) -> int:
        """Return a descriptor of the file's folder, which is made where it is missing. Raises Failure or OSError."""
        fd = self._open.pop(folder, None)
        if fd is None:
            confined(file.path, file.root)
            make_parents(file.path, file.root)
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._open[folder] = fd
        if len(self._open) > FOLDERS_OPEN:
            os.close(self._open.popitem(last=False)[1])
        return fd

    def close(self) -> None:
        """Close all of them."""
        while self._open:
            os.close(self._open.popitem()[1])


class _Arriving:
    """A file of which a part is there."""

    __slots__ = ("digest", "fd", "written")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.written = 0
        self.digest = hashlib.sha256()


class BatchWriter:
    """Takes the pieces of all files; each file ends whole or with its own failure."""

    def __init__(self, files: "list[Expected]") -> None:
        self._files = files
        self._folders = Folders()
        self._arriving: Dict[int, _Arriving] = {}
        self._room: Dict[str, int] = {}
        self._devices: Dict[str, int] = {}
        self.whole: Dict[int, List[Any]] = {}
        """By index: [SHA-256 of what was read back, size, stat, lines]."""
        self.failed: Dict[int, Dict[str, Any]] = {}
        self.written = 0

    def take(self, pieces: "list[Piece]", payload: memoryview) -> None:
        """Write the pieces of one chunk."""
        at = 0
        for piece in pieces:
            content = payload[at : at + piece.length]
            at += piece.length
            if piece.number in self.failed:
                continue  # What comes of it after its end here.
            try:
                self._take(piece, content)
            except (Failure, OSError) as error:
                self._fail(piece.number, error)

    def finish(self) -> None:
        """Flush everything that is whole; remove and fail what is not."""
        cut_off = Failure("transient-network", "the stream ended early", "it is sent again by itself", secondary=True)
        for index in list(self._arriving):
            self._fail(index, cut_off)
        paths = {self._files[index].path: index for index in self.whole}
        for path, error in flush(list(paths), self.written, self._devices.__getitem__).items():
            self._fail(paths[path], error)
        self._folders.close()

    def _take(self, piece: Piece, content: memoryview) -> None:
        if piece.failure is not None:
            self._drop(piece.number)
            self.failed[piece.number] = piece.failure
            return
        arriving = self._arriving.get(piece.number)
        if arriving is None:
            fd = self._create(self._files[piece.number], comes_in_parts=piece.sha256 is None)
            arriving = self._arriving[piece.number] = _Arriving(fd)
        if arriving.written + len(content) > self._files[piece.number].size:
            raise Failure("source-changed", "more bytes arrived than the file has", "the next scan sees it")
        self._write(arriving, content)
        if piece.sha256 is not None:
            self._ensure_sent(piece, arriving, content)
            self._end(piece, arriving)

    def _create(self, file: Expected, comes_in_parts: bool) -> int:
        """Return the descriptor of a new file; locked where it stays open while others of the batch come."""
        place, _, name = file.path.rpartition("/")
        if not is_temporary(name):
            raise Failure("bug", "%s is no temporary name of ours" % file.path, "report this with the log")
        folder = self._folders.of(file, place)
        self._reserve(file)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            fd = os.open(name, flags, PUBLISHED_MODE, dir_fd=folder)
        except FileExistsError:
            # Whoever may still write to the one that is there goes on with a file that has no name.
            os.unlink(name, dir_fd=folder)
            remove_holes(file.path)
            fd = os.open(name, flags, PUBLISHED_MODE, dir_fd=folder)
        try:
            if comes_in_parts:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            os.unlink(name, dir_fd=folder)
            raise
        return fd

    def _reserve(self, file: Expected) -> None:
        """Raise no-space for a file that will not fit; smaller ones after it may."""
        place = file.root or os.path.dirname(file.path)
        room = self._room.get(place)
        if room is None:
            room = usage(os.path.expanduser(place))["free"]
        if file.size > room:
            cause = "%d bytes are needed in %s, %d are free" % (file.size, os.path.expanduser(place), room)
            raise Failure("no-space", cause, "free some space on this file system")
        self._room[place] = room - file.size

    def _write(self, arriving: _Arriving, content: memoryview) -> None:
        """Write the next bytes and read them back from the file for the hash."""
        start = arriving.written
        arriving.written = store(arriving.fd, content, start)
        self.written += len(content)
        while start < arriving.written:
            back = os.pread(arriving.fd, min(READ_BACK_BYTES, arriving.written - start), start)
            if not back:
                raise Failure("checksum-mismatch", "what was written is not there", "it is sent again by itself")
            arriving.digest.update(back)
            start += len(back)

    def _ensure_sent(self, piece: Piece, arriving: _Arriving, content: memoryview) -> None:
        """Raise where the file is not what was sent: the way's fault where it can be seen, else the disk's."""
        if arriving.digest.hexdigest() == piece.sha256 and arriving.written == piece.size:
            return
        if len(content) == piece.size and hashlib.sha256(content).hexdigest() != piece.sha256:
            raise damaged()
        cause = "what was written at %s is not what was sent" % self._files[piece.number].path
        raise Failure("checksum-mismatch", cause, "it is sent again by itself; if it goes on, check that disk")

    def _end(self, piece: Piece, arriving: _Arriving) -> None:
        file = self._files[piece.number]
        os.utime(arriving.fd, ns=(file.mtime_ns, file.mtime_ns))
        if arriving.written >= BEGIN_SYNC_BYTES:
            begin_sync(arriving.fd)
        found = os.fstat(arriving.fd)
        if stat.S_IMODE(found.st_mode) != PUBLISHED_MODE:  # A umask, or what the folder hands down.
            os.fchmod(arriving.fd, PUBLISHED_MODE)
        os.close(self._arriving.pop(piece.number).fd)
        self._devices[file.path] = found.st_dev
        self.whole[piece.number] = [piece.sha256, arriving.written, pack_stat(found, None), piece.lines]

    def _fail(self, index: int, error: Exception) -> None:
        self._drop(index)
        path = self._files[index].path
        failure = from_os_error(error, path) if isinstance(error, OSError) else from_exception(error, path)
        self.failed[index] = failure.as_json()

    def _drop(self, index: int) -> None:
        """Let go of a file that will not be whole, and remove what is there of it."""
        was_whole = self.whole.pop(index, None) is not None
        arriving: Optional[_Arriving] = self._arriving.pop(index, None)
        if arriving is not None:
            os.close(arriving.fd)
        if arriving is not None or was_whole:
            self._remove(self._files[index].path)

    def _remove(self, path: str) -> None:
        try:
            os.unlink(path)
        except OSError:
            return  # The engine discards what it knows of, and the next scan reports the rest.
