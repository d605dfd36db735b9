"""The name under which an earlier version stays when the one that takes its place lacks some of it: pure."""

from __future__ import annotations

from config.classify import classify
from engine.model import FileKind
from engine.remote.agent.growing import is_growing

AUTHOR, KEPT = "syncdeck", "keep"
"""Who and what stands in the audit log when an earlier version stays."""
KEPT_MARK = ".kept-"
HASH_CHARACTERS = 12
LONGEST_NAME_BYTES = 255
LONGEST_SUFFIX = 12


def kept_path(path: str, sha256: str) -> str:
    """Return where the content of ``path`` stays: beside it, under the same name for the same content everywhere.

    Of names too long for that the beginning stays.
    """
    folder, slash, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix) > LONGEST_SUFFIX:
        stem, dot, suffix = name, "", ""
    mark = f"{KEPT_MARK}{sha256[:HASH_CHARACTERS]}{dot}{suffix}"
    room = LONGEST_NAME_BYTES - len(mark.encode())
    begins = stem.encode()[:room].decode(errors="ignore")
    return f"{folder}{slash}{begins}{mark}"


def kept_from(path: str, sha256: str) -> str | None:
    """Return the path beside which a content stayed as ``path``, None where that is no such name of this content."""
    before, mark, suffix = path.rpartition(f"{KEPT_MARK}{sha256[:HASH_CHARACTERS]}")
    beside = before + suffix
    return beside if mark and kept_path(beside, sha256) == path else None


def may_lack(path: str) -> bool:
    """Return whether a later version of a file may lack what an earlier one holds, and that can be told.

    So it is with databases and with logs that are appended to; a model or a training set is made anew each time.
    """
    return is_growing(path) or FileKind(classify(path).kind) is FileKind.SQLITE
