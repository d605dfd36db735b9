"""Opening what a signed URL grants: a regular file inside its root that is still what was signed."""

from __future__ import annotations

import errno
import os
import stat
from typing import List, Optional

from engine.remote.agent.failures import GONE, Failure
from engine.remote.agent.paths import checked, confined, existing, is_temporary
from engine.remote.agent.serving_requests import Refused
from engine.remote.agent.serving_urls import Grant
from engine.remote.agent.stats import pack_stat, same_content, wal_of

# O_NONBLOCK: opening a pipe that nobody writes to would wait for ever. It means nothing for a regular file.
OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
SOURCE_CHANGED = "source-changed\n"
NOT_FOUND = "not-found\n"


def forbidden() -> Refused:
    """Return the one answer to all that is not granted; it tells nothing of why."""
    return Refused(403, "forbidden\n")


class ServedFile:
    """An open file that was granted; ``close`` it."""

    def __init__(self, grant: Grant) -> None:
        """Raise Refused: 403 outside the root, 404 for what is not there, 412 for what changed."""
        if not grant.root or (grant.stat is None and not is_temporary(os.path.basename(grant.path))):
            raise forbidden()
        self.partial = grant.stat is None
        self._expected: Optional[List[int]] = grant.stat
        try:
            self.path = existing(checked(grant.path))
            confined(self.path, grant.root)
            self.fd = os.open(self.path, OPEN_FLAGS)
        except Failure:
            raise forbidden() from None
        except OSError as error:
            raise _refusal(error) from None
        try:
            self._ensure_inside(grant.root)
            found = os.fstat(self.fd)
            self.size = found.st_size
            self.etag = _etag(found, self.partial)
            if not self.unchanged():
                raise Refused(412, SOURCE_CHANGED)
        except BaseException:
            self.close()
            raise

    def unchanged(self) -> bool:
        """Return whether the open file, and its -wal, are still what was signed and still bear its name."""
        if self._expected is None:
            return True
        try:
            found, there = os.fstat(self.fd), os.lstat(self.path)
        except OSError:
            return False  # It was removed.
        return os.path.samestat(found, there) and same_content(pack_stat(found, wal_of(self.path)), self._expected)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.fd)

    def _ensure_inside(self, root: str) -> None:
        """A folder that became a symbolic link between the look and the opening leads to another file."""
        try:
            confined(self.path, root)
            there = os.lstat(self.path)
        except Failure:
            raise forbidden() from None
        except OSError as error:
            raise _refusal(error) from None
        found = os.fstat(self.fd)
        if not stat.S_ISREG(found.st_mode):
            raise forbidden()
        if not os.path.samestat(found, there):
            raise Refused(412, SOURCE_CHANGED)


def _etag(found: os.stat_result, partial: bool) -> str:
    """Return the name of these very bytes; those of a file that still fills up are named by the file alone."""
    if partial:
        return 'W/"%x"' % found.st_ino
    return '"%x-%x-%x"' % (found.st_size, found.st_mtime_ns, found.st_ino)


def _refusal(error: OSError) -> Refused:
    if error.errno in GONE:
        return Refused(404, NOT_FOUND)
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return Refused(503, headers=(("Retry-After", "1"),))
    return forbidden()
