"""Which paths the agent touches: never one that leaves its root, never one that only looks like ours."""

from __future__ import annotations

import errno
import os
import re
from typing import Callable

from engine.remote.agent.durable import sync_folder
from engine.remote.agent.failures import Failure, from_os_error
from engine.remote.agent.platforms import nfc

TEMPORARY = re.compile(r"^\..+\.syncdeck-[0-9a-f]{8}-[0-9a-f]{8}-[0-9]+-[0-9a-z]+\.(part|snap)(\.have~?)?$", re.DOTALL)
# Which pieces of a temporary file that was filled out of order are verified (see holes.py), and the next such file.
HOLES = ".have"
HOLES_DRAFT = ".have~"
# SQLite's own companions of a snapshot that was killed while it was made, and our own of a partial file.
COMPANIONS = ("-journal", "-wal", "-shm", HOLES, HOLES_DRAFT)
MOUNT_FOLDERS = ("/Volumes", "/media", "/run/media", "/mnt")
CONTROL_CHARACTERS = re.compile("[\x00-\x1f\x7f]")


def is_temporary(name: str) -> bool:
    """Return whether a file name is one of our transfers' own."""
    return TEMPORARY.match(name) is not None


def unstorable(name: str) -> bool:
    """Return whether no key and no request can hold a name: it has control characters, or is no UTF-8."""
    return CONTROL_CHARACTERS.search(name) is not None or _is_broken(name)


def spelled(name: str) -> str:
    """Return a name in ASCII, with whatever cannot be seen or told apart in it written out."""
    ascii_name = name.encode("ascii", "backslashreplace").decode("ascii")
    return CONTROL_CHARACTERS.sub(lambda found: "\\x%02x" % ord(found.group()), ascii_name)


def _is_broken(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def checked(path: str) -> str:
    """Return an absolute path unchanged; raises Failure for one that no node of ours would name."""
    if not os.path.isabs(path) or ".." in path.split("/") or CONTROL_CHARACTERS.search(path):
        raise Failure("config", "refused the path %r" % path, "name an absolute path without .. or control characters")
    return path


def confined(path: str, root: str) -> str:
    """Return a checked path whose existing part, symlinks resolved, lies in ``root`` ("" allows any place)."""
    checked(path)
    if root:
        real_root = os.path.realpath(os.path.expanduser(root))
        parent = os.path.realpath(os.path.dirname(path))
        if parent != real_root and not parent.startswith(real_root.rstrip("/") + "/"):
            raise Failure("config", "%s leads out of %s" % (path, root), "remove the symbolic link that leads out")
    return path


def make_parents(path: str, root: str) -> None:
    """Create the folders above ``path``, durably; the root itself must be there, or a drive is not mounted."""
    confined(path, root)
    if root and not os.path.isdir(os.path.expanduser(root)):
        raise Failure("not-found", "%s is not there" % root, "mount the drive or create the folder")
    missing = []
    folder = os.path.dirname(path)
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for folder in reversed(missing):
        os.makedirs(folder, exist_ok=True)
        sync_folder(os.path.dirname(folder))


def prepare(path: str, root: str) -> None:
    """Make a temporary path of ours ready for a program that writes there by name: confined, with its folders."""
    if not is_temporary(os.path.basename(path)):
        raise Failure("bug", "%s is no temporary name of ours" % path, "report this with the log")
    make_parents(path, root)
    if os.path.islink(path):
        raise Failure("config", "%s is a symbolic link" % path, "remove it and see who made it")
    # Newer rsyncs say of a folder that refuses them that there is no such file.
    written = path if os.path.exists(path) else os.path.dirname(path)
    if not os.access(written, os.W_OK):
        raise from_os_error(PermissionError(errno.EACCES, os.strerror(errno.EACCES), written))


def existing(path: str) -> str:
    """Return the spelling under which a file exists: a composed name may be stored decomposed on this disk."""
    if path.isascii() or os.path.lexists(path):
        return path
    found = "/"
    for part in path.strip("/").split("/"):
        candidate = os.path.join(found, part)
        if not os.path.lexists(candidate):
            if not os.path.isdir(found):
                return path
            names = (name for name in os.listdir(found) if nfc(name) == nfc(part))
            candidate = os.path.join(found, next(names, part))
        found = candidate
    return found if os.path.lexists(found) else path


def resolve_root(root: str) -> str:
    """Return a root's real absolute path; one without data/ and models/ gives way to its ai-service folder."""
    path = os.path.realpath(os.path.expanduser(root))
    nested = os.path.join(path, "ai-service")
    if not _holds_data(path) and _holds_data(nested):
        return os.path.realpath(nested)
    return path


def _holds_data(folder: str) -> bool:
    return any(os.path.isdir(os.path.join(folder, name)) for name in ("data", "models"))


def is_mounted(path: str, ismount: Callable[[str], bool] = os.path.ismount) -> bool:
    """Return False for a path under a mount folder that no mount point covers: an empty folder is left there."""
    base = next((folder for folder in MOUNT_FOLDERS if path == folder or path.startswith(folder + "/")), None)
    if base is None:
        return True
    folder = path
    while len(folder) > len(base):
        if ismount(folder):
            return True
        folder = os.path.dirname(folder)
    return False
