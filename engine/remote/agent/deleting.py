"""Deleting one data file, after all: only what it holds, and only while it is the file that was proven to be elsewhere.

This is the only place where a file of the users' own goes. Everything else of ours removes names of ours.
"""

from __future__ import annotations

import os
from typing import Any, Dict, List

from engine.remote.agent.durable import sync_folder
from engine.remote.agent.failures import Failure
from engine.remote.agent.paths import confined, existing
from engine.remote.agent.quiet import Moved, digest, ensure_not_open, ensure_quiet
from engine.remote.agent.stats import pack_stat, stat_file, usage, wal_of


def delete_proven(job: Dict[str, Any], moved: Moved) -> Dict[str, Any]:
    """Hash ``path`` now, compare, and unlink it; return {sha256, freed, free}, bytes of its file system.

    ``stat`` is what it must look like, ``sha256s`` and ``fingerprints`` what it may hash to; ``proof`` is the number of
    the proof that the engine holds. Raises Failure, and removes nothing, for a file that is being written, changed, or
    holds anything else.
    """
    if not isinstance(job["proof"], int) or job["proof"] <= 0:
        raise Failure("bug", "a deletion without a proof was asked for", "report this with the log")
    path = existing(confined(job["path"], job["root"]))
    ensure_not_open(path)
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        before = pack_stat(os.fstat(fd), wal_of(path))
        ensure_quiet(path, before, job["stat"])
        content = digest(fd, job["kind"], moved)
        if content["sha256"] not in job["sha256s"] and content["fingerprint"] not in job["fingerprints"]:
            cause = "%s holds another content than what is proven to be elsewhere" % path
            raise Failure("checksum-mismatch", cause, "nothing was deleted; the next scan tells what is there")
        _unlink(path, fd, before, job["stat"])
    finally:
        os.close(fd)
    return {"sha256": content["sha256"], "freed": before[0], "free": usage(os.path.dirname(path))["free"]}


def _unlink(path: str, fd: int, before: List[int], expected: List[int]) -> None:
    """Remove the name if it is still that of the file which was hashed."""
    after = pack_stat(os.fstat(fd), wal_of(path))
    named = stat_file(path)
    if after != before or named is None or named[:3] != before[:3]:
        raise Failure("source-changed", "%s changed while it was hashed" % path, "nothing was deleted")
    ensure_quiet(path, after, expected)
    os.unlink(path)
    sync_folder(os.path.dirname(path))
