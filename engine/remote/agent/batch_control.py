"""Looking at, hashing and publishing many files in one request: one answer for each, and one flush for each folder."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from typing import Any, Callable, Dict, List, Set, Tuple

from engine.remote.agent.batch_placing import place_new
from engine.remote.agent.durable import sync_folder
from engine.remote.agent.failures import Failure, from_exception
from engine.remote.agent.hashcache import HashCache
from engine.remote.agent.hashing import hash_file
from engine.remote.agent.listing import holds_no_wal
from engine.remote.agent.paths import existing
from engine.remote.agent.publishing import Publisher
from engine.remote.agent.stats import pack_stat, same_content, stat_file, wal_of

READ_FROM_BYTES = 1 << 20
"""Smaller plain files are read again sooner than the cache is asked."""

Check = Callable[[], None]


def stat_many(paths: List[str]) -> List[Any]:
    """Return what ``stat_file`` says of each path."""
    found = [existing(path) for path in paths]
    folders = [path.rpartition("/")[0] for path in found]
    without_wal = {folder for folder, count in Counter(folders).items() if holds_no_wal(folder, count)}
    return [stat_file(path, folder not in without_wal) for path, folder in zip(found, folders)]


def hash_many(files: List[List[str]], cache: HashCache, check: Check) -> List[Dict[str, Any]]:
    """Return for each (path, kind) what ``hash_file`` returns, or {"error": ...}."""
    answers: List[Dict[str, Any]] = []
    for path, kind in files:
        check()
        try:
            answers.append(_hash_small(path, kind) or hash_file(path, kind, cache, check))
        except (Failure, OSError) as error:
            check()  # A request that was cancelled ends here, and not with one more failure.
            answers.append({"error": from_exception(error, path).as_json()})
    return answers


def _hash_small(path: str, kind: str) -> Dict[str, Any]:
    """Return the hash of a small file that needs no fingerprint; empty for any other."""
    if kind == "sqlite":
        return {}
    path = existing(path)
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        before = os.fstat(fd)
        if before.st_size >= READ_FROM_BYTES:
            return {}
        seen = pack_stat(before, wal_of(path))
        content = os.read(fd, READ_FROM_BYTES)
        after = pack_stat(os.fstat(fd), wal_of(path))
    finally:
        os.close(fd)
    if len(content) != before.st_size or not same_content(seen, after):
        raise Failure("source-changed", "%s changed while it was hashed" % path, "it is hashed again by itself")
    return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "stat": seen, "fingerprint": None}


def publish_many(publisher: Publisher, requests: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Return for each request what ``Publisher.publish`` returns, or {"error": ...}; the folders are flushed once.

    Killed in between, it leaves what as many single requests would leave: each name shows the old file or the new
    one, and the same requests made again end well.
    """
    safe: Set[Tuple[str, str]] = set()
    answers: List[Dict[str, Any]] = []
    folders: Dict[str, List[int]] = {}
    with publisher.turn:
        placed = place_new(requests)
        for number, request in enumerate(requests):
            try:
                answer = placed.get(number) or publisher.place(request, safe)
                if answer["outcome"] != "conflict":
                    folders.setdefault(os.path.dirname(request["final_path"]), []).append(number)
            except (Failure, OSError) as error:
                answer = _error(error, request)
            answers.append(answer)
    for folder, numbers in folders.items():
        try:
            sync_folder(folder)
        except OSError as error:
            for number in numbers:
                answers[number] = _error(error, requests[number])
    return answers


def _error(error: Exception, request: Dict[str, Any]) -> Dict[str, Any]:
    return {"error": from_exception(error, request["final_path"]).as_json()}
