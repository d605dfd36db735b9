"""Putting verified temporary files into place, and taking bad or unwanted ones away; never overwriting blindly."""

from __future__ import annotations

import errno
import os
import threading
from typing import Any, List, Optional, Set, Tuple

from engine.remote.agent.durable import sync_file, sync_folder
from engine.remote.agent.failures import Failure
from engine.remote.agent.hashcache import HashCache
from engine.remote.agent.hashing import hash_file
from engine.remote.agent.holes import remove_holes
from engine.remote.agent.paths import checked, confined, is_temporary, make_parents
from engine.remote.agent.snapshots import remove_with_companions
from engine.remote.agent.stats import same_content, stat_file
from engine.remote.agent.succession import holds_all, same_bytes

NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)


RENAMING = 2
"""Requests that rename many files at once: most of that is the system's work; more only take turns here."""
LOCKS = 64
"""Final paths share these, so that their number does not grow with what was ever published."""


class Publisher:
    """Publishes one file at a time per final path."""

    def __init__(self, cache: HashCache) -> None:
        self._cache = cache
        self._locks = [threading.Lock() for _ in range(LOCKS)]
        self.turn = threading.Semaphore(RENAMING)
        """Held while many files are renamed: the next such request is at it while this one flushes the folders."""

    def publish(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return {outcome, stat, sha256, size, kept}: published, already, or conflict with what is there."""
        result = self.place(request, set())
        if result["outcome"] != "conflict":
            sync_folder(os.path.dirname(request["final_path"]))
        return result

    def place(self, request: dict[str, Any], safe: Set[Tuple[str, str]]) -> dict[str, Any]:
        """Do all that ``publish`` does but flush the folder, which the caller does for many files at once.

        ``safe`` holds the (folder, root) pairs that were found to lie in their root during this request.
        """
        temp, final, root = request["temp_path"], request["final_path"], request["root"]
        if not is_temporary(os.path.basename(temp)):
            raise Failure("bug", "%s is no temporary name of ours" % temp, "report this with the log")
        for path, make in ((temp, confined), (final, make_parents)):
            place = (os.path.dirname(checked(path)), root)
            if place not in safe:
                make(path, root)
                safe.add(place)
        with self._locks[hash(final) % LOCKS]:
            return self._place(temp, final, request)

    def _place(self, temp: str, final: str, request: dict[str, Any]) -> dict[str, Any]:
        found = stat_file(final)
        if os.path.isdir(final):
            raise Failure("config", "%s is a folder" % final, "move the folder away")
        if found is not None and self._is_wanted(final, found, request):
            return self._already(temp, final)
        temp_stat = stat_file(temp)
        if temp_stat is None:
            if found is not None:
                return self._conflict(final, found)
            raise Failure("not-found", "%s is not there" % temp, "the file is moved again by itself")
        if not self._as_expected(found, request["expected"]):
            return self._conflict(final, found)
        self._verify_temp(temp, temp_stat, request)
        if not _is_ready(temp, temp_stat, request):
            _make_ready(temp, request)
        kept = _keep(final, temp, request["kept_path"]) if found is not None and request["kept_path"] else None
        if not _put(temp, final, replace=found is not None):
            return self._conflict(final, stat_file(final))
        remove_holes(temp)
        return {"outcome": "published", "stat": stat_file(final), "sha256": None, "size": None, "kept": kept}

    def _is_wanted(self, final: str, found: list[int], request: dict[str, Any]) -> bool:
        """Return whether the wanted content is in place already (we were killed after the rename, or it was copied)."""
        if found[0] != request["size"] or found[3]:
            return False
        return bool(self._hash(final) == request["sha256"])

    def _already(self, temp: str, final: str) -> dict[str, Any]:
        remove_with_companions(temp)
        return {"outcome": "already", "stat": stat_file(final), "sha256": None, "size": None, "kept": None}

    def _as_expected(self, found: Optional[List[int]], expected: Optional[List[int]]) -> bool:
        """Return whether what is there is what may be replaced; commits that only a -wal holds are never lost."""
        if found is None or expected is None:
            return found is None and expected is None
        return same_content(found, expected) and found[3] == 0

    def _conflict(self, final: str, found: Optional[List[int]]) -> dict[str, Any]:
        size = found[0] if found else None
        sha256 = self._hash(final) if found else None
        return {"outcome": "conflict", "stat": found, "sha256": sha256, "size": size, "kept": None}

    def _verify_temp(self, temp: str, found: list[int], request: dict[str, Any]) -> None:
        """Raise unless the temporary file is the one that was verified: by its stat, else by hashing it again."""
        expected = request["temp_stat"]
        if expected is not None and found[0] == expected[0] and found[2] == expected[2]:  # noqa: SIM102
            # Our own utime may have run already, before we were killed.
            if found[1] in (expected[1], request["mtime_ns"]):
                return
        if hash_file(temp, "plain", None, lambda: None)["sha256"] != request["sha256"]:
            raise Failure(
                "checksum-mismatch", "%s is not what was verified" % temp, "it is removed and moved again by itself"
            )

    def _hash(self, path: str) -> str | None:
        """Return the SHA-256 of a file, None for what cannot be read as one (a link, a file being written)."""
        try:
            return str(hash_file(path, "plain", self._cache, lambda: None)["sha256"])
        except (Failure, OSError):
            return None


def _is_ready(temp: str, found: list[int], request: dict[str, Any]) -> bool:
    """Return whether the receiver had set time and mode already when it flushed the file and took its stat."""
    verified = request["temp_stat"]
    if verified is None or not verified[1] == found[1] == request["mtime_ns"]:
        return False
    return bool(os.lstat(temp).st_mode & 0o7777 == request["mode"])


def _make_ready(temp: str, request: dict[str, Any]) -> None:
    fd = os.open(temp, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(fd, request["mode"])
        os.utime(fd, ns=(request["mtime_ns"], request["mtime_ns"]))
        sync_file(fd)
    finally:
        os.close(fd)


def _keep(final: str, temp: str, kept: str) -> Optional[List[int]]:
    """Give what is about to be replaced a second name where it holds what the new file lacks; return its stat then.

    The final name never shows nothing, except where a file system has no hard links. Killed in between, both names
    show the old file, and the same request made again ends well.
    """
    if os.path.dirname(checked(kept)) != os.path.dirname(final):
        raise Failure("bug", "%s is not beside %s" % (kept, final), "report this with the log")
    if holds_all(final, temp):
        return None
    try:
        os.link(final, kept, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (*NO_LINKS, errno.EEXIST):
            raise
        if os.path.lexists(kept):
            if not (os.path.isfile(kept) and not os.path.islink(kept) and same_bytes(kept, final)):
                cause = "%s is there, with another content" % kept
                raise Failure("config", cause, "look at it and move it away") from None
        else:
            os.rename(final, kept)
    return stat_file(kept)


def _put(temp: str, final: str, replace: bool) -> bool:
    """Rename; return False when something appeared meanwhile. A log of an earlier database never meets the new one."""
    for suffix in ("-wal", "-shm"):
        try:
            os.unlink(final + suffix)
        except FileNotFoundError:
            continue
    if replace:
        os.replace(temp, final)
        return True
    return move_without_overwriting(temp, final)


def move_without_overwriting(path: str, target: str) -> bool:
    """Move within a file system; return False when the target exists. Atomic where there are hard links."""
    try:
        os.link(path, target, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if os.path.lexists(target):
            return False
        os.rename(path, target)
        return True
    os.unlink(path)
    return True


def finish_move(path: str, target: str) -> None:
    """Take away the first of two names of one file: what was left to do when a move was cut off between its halves."""
    if not os.path.samefile(path, target):
        raise Failure("bug", "%s and %s are two files" % (path, target), "report this with the log")
    os.unlink(path)


def discard(paths: list[str]) -> int:
    """Remove temporary files of ours; return how many were there. Any other name is refused, before any is removed."""
    for path in paths:
        checked(path)
        if not is_temporary(os.path.basename(path)):
            raise Failure("bug", "%s is no temporary name of ours" % path, "report this with the log")
    return sum(remove_with_companions(path) for path in paths)


def quarantine(path: str, target: str, root: str = "") -> None:
    """Move a bad file, with its -wal and -shm, aside; raises Failure when something is there already."""
    checked(path)
    make_parents(target, root)
    if stat_file(path) is None:
        raise Failure("not-found", "%s is not there" % path, "the next scan finds what is there now")
    for suffix in ("-wal", "-shm", ""):
        if suffix and not os.path.lexists(path + suffix):
            continue
        if not move_without_overwriting(path + suffix, target + suffix):
            raise Failure("config", "%s is there already" % (target + suffix), "look at it and move it away")
    sync_folder(os.path.dirname(target))
    sync_folder(os.path.dirname(path))
