"""Where an engine's lock and control socket are, worked out from its state directory alone."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from engine.errors import ErrorClass, SyncdeckError

MAX_SOCKET_PATH_BYTES = 100
"""sockaddr_un holds 104 bytes on macOS and 108 on Linux, the closing NUL included; a margin for both."""

SHORT_FOLDER = Path("/tmp")
"""Not $TMPDIR or $XDG_RUNTIME_DIR: an engine started by a service manager and a console in a login shell must
work out the same path."""


def prepare_state_dir(state_dir: Path) -> Path:
    """Make the state directory (owner only) if it is missing; return it resolved. Raises SyncdeckError (config)."""
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return state_dir.resolve(strict=True)
    except OSError as error:
        raise SyncdeckError(
            "use state directory",
            str(state_dir),
            f"it cannot be made or entered: {error.strerror}",
            "name a folder that you may write to with --state",
            ErrorClass.CONFIG,
        ) from error


def lock_path(state_dir: Path) -> Path:
    """Return the lock file of a state directory."""
    return state_dir / "engine.lock"


def control_folder(state_dir: Path) -> Path:
    """Return the folder for ssh's shared connections; ``engine/remote/ssh.py`` makes it, or takes a shorter one."""
    return state_dir / "ssh"


def socket_path(state_dir: Path) -> Path:
    """Return the control socket of a state directory: inside it, or in a short folder when its path is too long."""
    resolved = Path(os.path.realpath(state_dir))
    inside = resolved / "control.sock"
    if len(os.fsencode(inside)) <= MAX_SOCKET_PATH_BYTES:
        return inside
    digest = hashlib.sha256(os.fsencode(resolved)).hexdigest()[:16]
    return _short_folder(_owner(resolved)) / f"{digest}.sock"


def prepare_socket_folder(path: Path) -> None:
    """Make the folder of a control socket, owner only; raises SyncdeckError when a stranger made it before us."""
    folder = path.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder != _short_folder(os.geteuid()):
        return
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise SyncdeckError(
            "make control socket",
            str(path),
            f"{folder} is not a folder of yours that only you may enter",
            "remove that folder, or name a state directory with a shorter path with --state",
            ErrorClass.CONFIG,
        )


def _short_folder(uid: int) -> Path:
    return SHORT_FOLDER / f"syncdeck-{uid}"


def _owner(state_dir: Path) -> int:
    """Return the state directory's owner: another user (root) must work out the same path as the engine did."""
    try:
        return state_dir.stat().st_uid
    except OSError:
        return os.geteuid()
