"""What commands changed outside the catalog: one JSON line each, in a file of the state directory, never rewritten."""

from __future__ import annotations

import getpass
import json
import os
from pathlib import Path

from engine.clock import Clock


def record(state_dir: Path, clock: Clock, action: str, subject: str, detail: dict[str, object]) -> None:
    """Append one line, on disk when this returns; raises OSError."""
    members = {"at": clock.now(), "who": _who(), "action": action, "subject": subject, **detail}
    line = json.dumps(members).encode() + b"\n"
    descriptor = os.open(state_dir / "audit.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _who() -> str:
    """Return the user's name, or the number of one that the system has no name for."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
