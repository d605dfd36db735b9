"""How the agent says that something did not work: class, cause and remedy, in the engine's own terms."""

from __future__ import annotations

import errno
import sys
from typing import Any

from engine.remote.agent.platforms import refusal_remedy


class Failure(Exception):
    """An operation failed; ``error_class`` is a value of the engine's ErrorClass.

    ``secondary`` marks what only follows from another process's failure (a broken pipe).
    """

    def __init__(self, error_class: str, cause: str, remedy: str, secondary: bool = False) -> None:
        super().__init__(cause)
        self.error_class = error_class
        self.cause = cause
        self.remedy = remedy
        self.secondary = secondary

    def as_json(self) -> dict[str, Any]:
        """Return what travels to the engine."""
        return {"class": self.error_class, "cause": self.cause, "remedy": self.remedy, "secondary": self.secondary}


NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
GONE = (errno.ENOENT, errno.ENOTDIR)
HUNG_UP = (errno.EPIPE, errno.ECONNRESET)
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


def from_os_error(error: OSError, path: str = "") -> Failure:
    """Return the failure that an operating system error means."""
    where = str(error.filename or path)
    words = "%s: %s" % (where, error.strerror or error)
    if error.errno in NO_SPACE:
        return Failure("no-space", words, "free some space on this file system")
    if error.errno in GONE:
        return Failure("not-found", words, "the next scan finds what is there now")
    if error.errno in HUNG_UP:
        return Failure("transient-network", "the other end went away", "it is tried again by itself", secondary=True)
    if error.errno in REFUSED:
        return Failure("config", words, refusal_remedy(sys.platform, error.errno, where))
    if error.errno == errno.EIO:
        return Failure("unsupported", words, "the disk fails: look at the system log and replace it")
    if error.errno == errno.ENAMETOOLONG:
        return Failure("unsupported", words, "give the file, or a folder that it lies in, a shorter name")
    return Failure("unsupported", words, "see the cause")


def from_exception(error: BaseException, path: str = "") -> Failure:
    """Return any exception as a failure; what is neither ours nor the system's is a bug of the agent's."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, OSError):
        return from_os_error(error, path)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else " (%s line %d)" % (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
    return Failure("bug", "%s: %s%s" % (type(error).__name__, error, place), "report this with the log")
