"""One engine per state directory: an exclusive flock on a file that says who holds it.

The kernel drops a flock with its last descriptor, so the lock of a killed engine is free at once and there is
nothing stale to judge by age or by process id. The file itself is never removed: a second process could
otherwise lock a new file of the same name.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from engine.api.errors import EngineRunning
from engine.api.paths import lock_path, prepare_state_dir
from engine.clock import Clock
from engine.errors import ErrorClass, SyncdeckError

COMMAND_PATIENCE_SECONDS = 30.0
"""How long to wait for a holder that is a short command; such a command opens the store and leaves."""
_RETRY_SECONDS = 0.05


class HolderKind(StrEnum):
    """Why a state directory is held: by an engine for as long as it runs, or by a command for a moment."""

    ENGINE = "engine"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, as far as the file tells; ``since`` in seconds since the epoch."""

    pid: int | None
    kind: HolderKind
    since: float | None


class StateLock:
    """A held lock; ``release`` it, or use it as a context manager."""

    def __init__(self, state_dir: Path, descriptor: int) -> None:
        self.state_dir = state_dir
        self._descriptor = descriptor

    @classmethod
    def acquire(
        cls,
        state_dir: Path,
        clock: Clock,
        kind: HolderKind = HolderKind.ENGINE,
        patience_seconds: float = COMMAND_PATIENCE_SECONDS,
    ) -> StateLock:
        """Take the lock, making the directory if need be; blocks while a short command holds it.

        Raises EngineRunning when an engine holds it, and SyncdeckError when the directory cannot be used.
        """
        resolved = prepare_state_dir(state_dir)
        descriptor = _open(lock_path(resolved))
        give_up_at = clock.monotonic() + patience_seconds
        seen_before: Holder | None = None
        while not _try_lock(descriptor):
            holder = _read_holder(descriptor)
            # Twice, because a new holder needs a moment to overwrite what a killed engine left in the file.
            is_engine = holder.kind is HolderKind.ENGINE and holder == seen_before
            if is_engine or clock.monotonic() >= give_up_at:
                os.close(descriptor)
                raise _running(resolved, holder)
            seen_before = holder
            time.sleep(_RETRY_SECONDS)
        try:
            _write_holder(descriptor, Holder(os.getpid(), kind, clock.now()))
        except OSError as error:
            os.close(descriptor)
            raise _unwritable(resolved, error) from error
        return cls(resolved, descriptor)

    def release(self) -> None:
        """Let go of the lock; a second call does nothing."""
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> StateLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise SyncdeckError(
            "lock",
            str(path),
            f"the lock file cannot be opened: {error.strerror}",
            "name a folder that you may write to with --state",
            ErrorClass.CONFIG,
        ) from error


def _unwritable(state_dir: Path, error: OSError) -> SyncdeckError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return SyncdeckError(
        "lock",
        str(state_dir),
        f"the lock file cannot be written: {error.strerror}",
        "free some space on its file system" if full else "name a folder that you may write to with --state",
        ErrorClass.NO_SPACE if full else ErrorClass.CONFIG,
    )


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_holder(descriptor: int, holder: Holder) -> None:
    text = json.dumps({"pid": holder.pid, "kind": holder.kind.value, "since": holder.since}) + "\n"
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)


def _read_holder(descriptor: int) -> Holder:
    """Return who holds the lock. A file caught between lock and write names nobody: wait for it as for a command."""
    unknown = Holder(None, HolderKind.COMMAND, None)
    try:
        members = json.loads(os.pread(descriptor, 4096, 0))
        return Holder(int(members["pid"]), HolderKind(members["kind"]), float(members["since"]))
    except (ValueError, KeyError, TypeError):
        return unknown


def _running(state_dir: Path, holder: Holder) -> EngineRunning:
    who = f"process {holder.pid}" if holder.pid is not None else "another process"
    what = "an engine" if holder.kind is HolderKind.ENGINE else "a command"
    return EngineRunning(
        str(state_dir),
        f"{what} ({who}) holds it",
        f"stop {who}, attach to it by running syncdeck with this --state, or use another --state",
        holder.pid,
    )
