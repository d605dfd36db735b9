"""What an rsync exit status means for the transfer: pure, from the status and what was printed.

The meanings are those of rsync(1), EXIT VALUES.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import ErrorClass

_NO_SPACE = ("No space left on device", "Disk quota exceeded", "ENOSPC", "File too large")
_NO_RSYNC = ("rsync: command not found", "rsync: not found", "No such file or directory: rsync")
_NETWORK_CODES = frozenset({10, 12, 30, 35})
_KILLED_CODES = frozenset({16, 19, 20, -1, -2, -9, -13, -15, 129, 130, 137, 141, 143})
_CONFIG_CODES = frozenset({1, 2, 4, 6})


@dataclass(frozen=True, slots=True)
class RsyncFailure:
    """Why rsync failed: its class, the cause in its own words, and what mends it."""

    error_class: ErrorClass
    cause: str
    remedy: str


def explain(status: int, stderr: str) -> RsyncFailure:
    """Return what a status other than 0 and 255 means."""
    said = _last_words(stderr) or f"rsync ended with status {status}"
    if any(sign in stderr for sign in _NO_SPACE):
        return RsyncFailure(ErrorClass.NO_SPACE, said, "free space on the target, or send this elsewhere")
    if any(sign in stderr for sign in _NO_RSYNC) or status == 127:
        return RsyncFailure(ErrorClass.UNSUPPORTED, said, "install rsync there; another transport serves until then")
    if status in _NETWORK_CODES or status in _KILLED_CODES:
        return RsyncFailure(ErrorClass.TRANSIENT_NETWORK, said, "it is tried again by itself")
    if status in _CONFIG_CODES:
        return RsyncFailure(ErrorClass.UNSUPPORTED, said, "the two rsyncs do not agree: update the older one")
    if status in (23, 24):
        return _partial(status, stderr, said)
    if status in (3, 11) and "No such file or directory" in stderr:
        return RsyncFailure(ErrorClass.NOT_FOUND, said, "scan again: a file or its folder is not there any more")
    if status in (3, 11):
        return RsyncFailure(ErrorClass.CONFIG, said, "see why the target's disk refuses to be written")
    return RsyncFailure(ErrorClass.BUG, said, "report this together with the log")


def _partial(status: int, stderr: str, said: str) -> RsyncFailure:
    if "Permission denied" in stderr or "Operation not permitted" in stderr:
        return RsyncFailure(ErrorClass.CONFIG, said, "let ssh_user read the source and write the target")
    if status == 24 or "vanished" in stderr:
        return RsyncFailure(ErrorClass.SOURCE_CHANGED, said, "it is tried again by itself")
    if "No such file or directory" in stderr:
        return RsyncFailure(ErrorClass.NOT_FOUND, said, "scan the source again: the file is not there any more")
    if "Input/output error" in stderr:
        return RsyncFailure(ErrorClass.CONFIG, said, "check the disk: it reports input/output errors")
    return RsyncFailure(ErrorClass.SOURCE_CHANGED, said, "it is tried again by itself")


def _last_words(stderr: str) -> str:
    """The first line that is rsync's own complaint says more than the last one, which sums up."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    own = [line for line in lines if not line.startswith("rsync error:")]
    chosen = own[0] if own else (lines[-1] if lines else "")
    return chosen[:400]
