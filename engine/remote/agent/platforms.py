"""Where macOS and Linux differ: names, flushing, refusals, rsync. Pure functions of recorded facts."""

from __future__ import annotations

import errno
import re
import unicodedata

# fcntl.h of macOS: ask the drive itself to flush; fsync there only hands the data to the drive.
F_FULLFSYNC = 51
FULLSYNC_UNSUPPORTED = (errno.ENOTSUP, errno.EINVAL, errno.ENOTTY, errno.ENODEV)
# Where ssh's bare PATH does not look: Homebrew on Apple silicon and Intel, MacPorts, local builds.
EXTRA_PATHS = ("/opt/homebrew/bin", "/usr/local/bin", "/opt/local/bin", "/usr/bin", "/bin")
OPENRSYNC = re.compile(r"openrsync", re.IGNORECASE)


def nfc(name: str) -> str:
    """Return the composed form of a name; HFS+ hands names out decomposed, and APFS keeps what it was given."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def needs_full_sync(platform: str) -> bool:
    """Return whether fsync alone leaves data in the drive's cache."""
    return platform == "darwin"


def full_sync_refused(number: int | None) -> bool:
    """Return whether an F_FULLFSYNC error only says that this drive does not offer it (some external ones)."""
    return number in FULLSYNC_UNSUPPORTED


def refusal_remedy(platform: str, number: int | None, path: str) -> str:
    """Return the remedy for a refused file: on macOS EPERM on a volume or a protected folder is privacy control."""
    if number == errno.EROFS:
        return "mount the file system read-write"
    protected = path.startswith("/Volumes/") or any(
        "/%s/" % folder in path + "/" for folder in ("Desktop", "Documents", "Downloads", "Library")
    )
    if platform == "darwin" and number == errno.EPERM and protected:
        return (
            "allow Full Disk Access for sshd-keygen-wrapper and for the terminal or the launchd job that runs "
            "syncdeck (System Settings, Privacy & Security, Full Disk Access), then start it again"
        )
    return "give the user of this connection access to %s" % (path or "it")


def is_openrsync(version_output: str) -> bool:
    """Return whether ``rsync --version`` printed this is the reimplementation that macOS ships since 15."""
    return OPENRSYNC.search(version_output) is not None
