"""A whole copy of a log that is being appended to: the lines that are complete now, and no part of a line."""

from __future__ import annotations

import os
import time
from typing import Any

from engine.remote.agent.failures import Failure
from engine.remote.agent.paths import confined, existing, is_temporary
from engine.remote.agent.stats import stat_file, usage

GROWING_SUFFIXES = (".jsonl",)
"""Files that writers only ever append whole lines to: what is there is final, more may come."""
CHUNK_BYTES = 1 << 20
SETTLED_SECONDS = 60.0
"""A last line without its newline that nobody touched for this long is all that will come of it: it is kept."""


def is_growing(path: str) -> bool:
    """Return whether a file is one that is only appended to."""
    return path.lower().endswith(GROWING_SUFFIXES)


def copy_complete_lines(path: str, target: str, root: str = "") -> dict[str, Any]:
    """Leave the complete lines of a growing file at ``target``; return what ``make_snapshot`` returns.

    The count of games is the count of lines: one game, one line.
    """
    path = existing(path)
    if not is_temporary(os.path.basename(target)):
        raise Failure("bug", "%s is no snapshot name of ours" % target, "report this with the log")
    confined(target, root)
    source_stat = stat_file(path)
    if source_stat is None:
        raise Failure("not-found", "%s is not there" % path, "the next scan finds what is there now")
    if usage(os.path.dirname(target))["free"] < source_stat[0]:
        raise Failure(
            "no-space",
            "the copy needs %d bytes in %s" % (source_stat[0], os.path.dirname(target)),
            "free some space on this file system: a growing file is copied before it is sent",
        )
    settled = time.time() - source_stat[1] / 1e9 > SETTLED_SECONDS
    with open(path, "rb") as source:
        size, lines = _copy(source, target, source_stat[0], settled)
        now = os.stat(path)
        if now.st_ino != source_stat[2] or now.st_size < source_stat[0]:
            os.unlink(target)
            raise Failure("source-changed", "%s was replaced while it was read" % path, "it is tried again")
    if not size and source_stat[0]:
        os.unlink(target)
        raise Failure("source-changed", "%s has no complete line yet" % path, "it is tried again")
    return {"path": target, "size": size, "source_stat": source_stat, "games_count": lines}


def _copy(source: Any, target: str, limit: int, whole: bool) -> tuple[int, int]:
    """Copy up to ``limit`` bytes, unless ``whole`` cut after the last newline; return (bytes, lines)."""
    written = complete = lines = 0
    with open(target, "wb") as copy:
        while written < limit:
            chunk = source.read(min(CHUNK_BYTES, limit - written))
            if not chunk:
                break
            copy.write(chunk)
            last = chunk.rfind(b"\n")
            if last >= 0:
                complete = written + last + 1
                lines += chunk.count(b"\n")
            written += len(chunk)
        if whole and complete < written:
            complete, lines = written, lines + 1
        copy.truncate(complete)
    return complete, lines
