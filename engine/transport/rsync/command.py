"""The command line of one rsync run: pure, from what both ends can do.

Never an append mode, never --delete, never a live file name: rsync writes in place to OUR temporary name,
which nothing reads before it was verified and published. Never --bwlimit: the relay that is our remote shell paces.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import ErrorClass, TransferError
from engine.transport.rsync.features import RsyncFeatures

SQLITE_BLOCK_BYTES = 4096
"""The default page size of SQLite: blocks that start where pages do find most of what did not change."""
_PLAIN_WORD = re.compile(r"^[^\s'\"]+$")


@dataclass(frozen=True, slots=True)
class RsyncRun:
    """What one run is to do. Exactly one of the two paths is on ``remote_host`` (``user@host``; None: both
    ends are local)."""

    source_path: str
    temp_path: str
    remote_host: str | None
    source_is_remote: bool
    shell_argv: tuple[str, ...]
    resume: bool
    is_sqlite: bool
    stall_timeout_seconds: float
    program: str = "rsync"
    """What we start; with its folder where PATH does not lead to it, as ``remote_program`` at the other end."""
    remote_program: str | None = None


def build_command(run: RsyncRun, near: RsyncFeatures, far: RsyncFeatures) -> list[str]:
    """Return the argv. ``near`` is the rsync that we start, ``far`` the one at the other end.

    Raises TransferError (config) for a path with a line break, which no protocol carries safely.
    """
    for path in (run.source_path, run.temp_path):
        _refuse_unsafe(path)
    protect = near.protects_arguments and far.protects_arguments and run.remote_host is not None
    argv = [run.program, "--inplace", "--ignore-times", "--chmod=u+rw,go-rwx", "--stats"]
    argv += _speed_options(run, near, far)
    argv += _output_options(near)
    argv += [f"--timeout={max(1, round(run.stall_timeout_seconds))}"]
    receiver = near if run.source_is_remote or run.remote_host is None else far
    if near.makes_parents and receiver.makes_parents:
        argv.append("--mkpath")
    if near.fsync and far.fsync:
        argv.append("--fsync")
    if protect:
        argv.append("-s")
    if run.remote_host is not None:
        argv += ["-e", join_shell_argv(run.shell_argv)]
        if run.remote_program is not None:  # The remote shell reads it.
            argv.append(f"--rsync-path={shlex.quote(run.remote_program)}")
    return [*argv, "--", *_paths(run, near, protect)]


def _speed_options(run: RsyncRun, near: RsyncFeatures, far: RsyncFeatures) -> list[str]:
    """Whole files go without rsync's own checksum: both ends are hashed by us, with SHA-256."""
    if run.resume:
        block = [f"--block-size={SQLITE_BLOCK_BYTES}"] if run.is_sqlite else []
        return ["--no-whole-file", *block]
    if near.checksum_none and far.checksum_none:
        return ["--whole-file", "--checksum-choice=none"]
    return ["--whole-file"]


def _output_options(near: RsyncFeatures) -> list[str]:
    if near.info_flags:
        return ["--info=progress2", "--no-human-readable", "--outbuf=N"]
    return ["--progress"]


def _paths(run: RsyncRun, near: RsyncFeatures, protect: bool) -> tuple[str, str]:
    if run.remote_host is None:
        return run.source_path, run.temp_path
    if run.source_is_remote:
        return _remote(run, run.source_path, near, protect), run.temp_path
    return run.source_path, _remote(run, run.temp_path, near, protect)


def _remote(run: RsyncRun, path: str, near: RsyncFeatures, protect: bool) -> str:
    user, at, bare = (run.remote_host or "").rpartition("@")
    host = f"{user}{at}[{bare}]" if ":" in bare else f"{user}{at}{bare}"
    quoted = path if protect or near.escapes_arguments else shlex.quote(path)
    return f"{host}:{quoted}"


def join_shell_argv(argv: Sequence[str]) -> str:
    """Return one string that rsync's -e splits back into exactly these arguments; no shell is involved.

    rsync splits at spaces, honours quotes, and takes a doubled quote inside quotes for one (rsync(1), -e).
    """
    for word in argv:
        _refuse_unsafe(word)
    return " ".join(word if _PLAIN_WORD.match(word) else "'" + word.replace("'", "''") + "'" for word in argv)


def _refuse_unsafe(text: str) -> None:
    if any(character in text for character in "\n\r\0"):
        raise TransferError(
            "build rsync command for", repr(text), "a name holds a line break", "rename the file", ErrorClass.CONFIG
        )
