"""Giving a data file another name beside its own, so that a new one may have the old: it stays, whatever happens."""

from __future__ import annotations

import os
from typing import Any, Dict, List

from engine.remote.agent.durable import sync_folder
from engine.remote.agent.failures import Failure
from engine.remote.agent.paths import checked, confined, existing
from engine.remote.agent.publishing import finish_move, move_without_overwriting
from engine.remote.agent.quiet import Moved, digest, ensure_not_open, ensure_quiet
from engine.remote.agent.stats import pack_stat, stat_file, wal_of


def keep_beside(job: Dict[str, Any], moved: Moved) -> Dict[str, Any]:
    """Hash ``path`` now, compare, and rename it to ``kept`` in the same folder; return {sha256, fingerprint, stat}.

    ``stat`` is what it must look like, ``sha256`` what it must hash to. The same request made again ends well, however
    far the first one came. Raises Failure, and renames nothing, for a file that is being written, changed or holds
    anything else, and where something else has the new name.
    """
    path, kept = confined(job["path"], job["root"]), checked(job["kept"])
    if os.path.dirname(kept) != os.path.dirname(path):
        raise Failure("bug", "%s is not beside %s" % (kept, path), "report this with the log")
    path = existing(path)
    kept = existing(os.path.join(os.path.dirname(path), os.path.basename(kept)))
    if stat_file(path) is None and stat_file(kept) is not None:
        content = _content_of(kept, job, moved)
    else:
        content = _rename(path, kept, job, moved)
    sync_folder(os.path.dirname(kept))
    return {"sha256": content["sha256"], "fingerprint": content["fingerprint"], "stat": stat_file(kept)}


def _rename(path: str, kept: str, job: Dict[str, Any], moved: Moved) -> Dict[str, Any]:
    ensure_not_open(path)
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        before = pack_stat(os.fstat(fd), wal_of(path))
        ensure_quiet(path, before, job["stat"])
        content = _checked(path, digest(fd, job["kind"], moved), job)
        _ensure_same(path, before, pack_stat(os.fstat(fd), wal_of(path)))
        ensure_quiet(path, before, job["stat"])
    finally:
        os.close(fd)
    if move_without_overwriting(path, kept):
        named = stat_file(kept)
        if named is None or named[:3] != before[:3]:
            # Somebody put another file there in this very moment: it gets its name back.
            move_without_overwriting(kept, path)
            raise _changed(path)
    elif os.path.samefile(path, kept):
        finish_move(path, kept)  # We were killed between the two halves of the move.
    else:
        _content_of(kept, job, moved)
        _ensure_same(path, before, stat_file(path))
        # It was kept here before, as a copy of its own: two files of one content become one.
        os.replace(path, kept)
    return content


def _content_of(path: str, job: Dict[str, Any], moved: Moved) -> Dict[str, Any]:
    """Return what a file is that has the new name already; raises Failure unless it holds what is to be kept."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        content = digest(fd, job["kind"], moved)
    finally:
        os.close(fd)
    if content["sha256"] != job["sha256"]:
        raise Failure("config", "%s is there, with another content" % path, "look at it and move it away")
    return content


def _checked(path: str, content: Dict[str, Any], job: Dict[str, Any]) -> Dict[str, Any]:
    if content["sha256"] != job["sha256"]:
        cause = "%s does not hold what it held when it was hashed last" % path
        raise Failure("checksum-mismatch", cause, "it stays as it is; the next scan tells what it is worth")
    return content


def _ensure_same(path: str, before: List[int], now: Any) -> None:
    if now is None or now != before:
        raise _changed(path)


def _changed(path: str) -> Failure:
    return Failure("source-changed", "%s changed while it was hashed" % path, "it stays as it is; try again")
