"""Whether a quiet file is sound for its kind; nothing is unpickled and nothing is held whole."""

from __future__ import annotations

from typing import Any, Callable, Optional
from urllib.parse import quote

from engine.remote.agent.failures import Failure
from engine.remote.agent.paths import existing

READ_BYTES = 1 << 20
SQLITE_MAGIC = b"SQLite format 3\x00"
ZIP_MAGIC = b"PK"
# One call per this many of SQLite's virtual machine steps: a few times a second.
STEPS_BETWEEN_CALLS = 2_000_000

Check = Callable[[], None]


def check_file(path: str, kind: str, check: Check) -> Optional[str]:
    """Return what is wrong with a file, or None when it is sound. ``check`` is called often and may raise."""
    path = existing(path)
    with open(path, "rb") as file:
        head = file.read(16)
    if not head:
        return "the file is empty"
    if kind == "sqlite":
        return _check_sqlite(path, head, check)
    if kind == "zip":
        return _check_zip(path, head, check)
    return None


def _check_sqlite(path: str, head: bytes, check: Check) -> Optional[str]:
    if head != SQLITE_MAGIC:
        return "it is not a SQLite database"
    try:
        import sqlite3
    except ImportError:
        raise Failure("unsupported", "this python3 has no sqlite3 module", "install python3's sqlite3") from None
    stopped = []

    def progress() -> int:
        try:
            check()
        except Failure as failure:
            stopped.append(failure)
            return 1
        return 0

    # immutable: a copy with a WAL header would otherwise get a -wal and a -shm beside it.
    connection = sqlite3.connect("file:%s?immutable=1" % quote(path), uri=True)
    try:
        connection.set_progress_handler(progress, STEPS_BETWEEN_CALLS)
        found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
    except sqlite3.DatabaseError as error:
        if stopped:
            raise stopped[0] from error
        return "SQLite cannot read it: %s" % error
    finally:
        connection.close()
    return None if found == ["ok"] else "quick_check: %s" % "; ".join(found)[:300]


def _check_zip(path: str, head: bytes, check: Check) -> Optional[str]:
    if not head.startswith(ZIP_MAGIC):
        if path.lower().endswith(".npz"):
            return "it is not a zip file"
        if not any(head):
            return "it begins with zeros"
        return None  # Models saved before the zip format are bare pickles, which only a hash can vouch for.
    import zipfile
    import zlib

    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if not members:
                return "the archive is empty"
            for member in members:
                _read_member(archive, member, check)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError) as error:
        return "the archive is damaged: %s" % (error or type(error).__name__)
    except (NotImplementedError, RuntimeError) as error:
        return "the archive cannot be checked: %s" % error
    return None


def _read_member(archive: Any, member: Any, check: Check) -> None:
    """Read a member to its end, which compares its CRC, and keep nothing of it."""
    with archive.open(member) as stream:
        while stream.read(READ_BYTES):
            check()
