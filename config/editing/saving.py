"""Writing an edited file back: in one step, onto whatever is there by then, with the text before kept for undo."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from config.editing.errors import EditRefused
from config.editing.exchanging import exchange
from config.source import read_text

MOST_ROUNDS = 8
"""How often a file may change under our hands before we say so: each round takes some milliseconds."""

Rework = Callable[[str], str]
"""Returns what a file that reads so must become; raises EditRefused, Overlap or ConfigError to leave it alone."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was done: the text that was replaced, the text now there, and whether somebody else's change is in it."""

    before: str
    after: str
    merged: bool


def rewrite(path: Path, base: str, rework: Rework, keep: Callable[[str], None] = lambda _text: None) -> Written:
    """Replace a file by what ``rework`` makes of it; blocks for some milliseconds, so call it in a thread.

    ``base`` is the text that the edit was made against. ``keep`` is given the text that is about to be replaced, and
    must have stored it when it returns. A file that changed meanwhile is worked again from its new text; one that
    changed in the very moment of replacing is put back and worked again, so that neither side's change is lost.
    Raises EditRefused, and what ``rework`` and ``keep`` raise; the file is then as it was.
    """
    real = path.resolve()
    with _alone(real):
        for _ in range(MOST_ROUNDS):
            found = read_text(real)
            wanted = rework(found)
            if wanted == found:
                return Written(found, found, found != base)
            keep(found)
            if _replace(real, found, wanted):
                return Written(found, wanted, found != base)
    raise EditRefused(f"{real.name} changed at every look", "see what writes it all the time, then save again")


def _replace(real: Path, found: str, wanted: str) -> bool:
    """Put the wanted text in place; return False, leaving what is there alone, when that was not ``found`` any more."""
    temporary = real.with_name(f".{real.name}.{secrets.token_hex(4)}.syncdeck")
    try:
        with _removed_if_broken(temporary):
            _write(temporary, wanted, like=real)
    except FileNotFoundError as error:
        raise EditRefused(f"{real.name} is gone", "put it back, then save again") from error
    except OSError as error:
        raise _unwritable(real, error) from error
    try:
        if not exchange(temporary, real):
            if read_text(real) != found:
                return False
            os.replace(temporary, real)
        elif read_text(temporary) != found:
            # Somebody wrote between our look and the swap: theirs goes back, and is worked again.
            exchange(temporary, real)
            return False
        _flush_folder(real.parent)
        return True
    except FileNotFoundError as error:
        raise EditRefused(f"{real.name} is gone", "put it back, then save again") from error
    except OSError as error:
        raise _unwritable(real, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> EditRefused:
    cause = f"{path} cannot be written: {error.strerror or error}"
    return EditRefused(cause, "check the permissions and the space of its folder")


@contextmanager
def _removed_if_broken(path: Path) -> Iterator[None]:
    """Leave no half-written file: on a full disk there is one, in a folder that cannot be written there is none."""
    try:
        yield
    except OSError:
        if path.exists():
            path.unlink()
        raise


def _write(path: Path, text: str, like: Path) -> None:
    """Write a new file with the owner and mode of another one, and flush it."""
    stat = like.stat()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode("utf-8"))
        file.flush()
        os.fchmod(file.fileno(), stat.st_mode & 0o7777)
        with suppress(PermissionError):
            os.fchown(file.fileno(), stat.st_uid, stat.st_gid)
        os.fsync(file.fileno())


@contextmanager
def _alone(real: Path) -> Iterator[None]:
    """Keep other syncdecks from rewriting the same file at once; the folder is the lock, so nothing is left behind."""
    descriptor = os.open(real.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
