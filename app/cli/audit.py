"""What commands changed outside the catalog: one JSON line each, in a file of the state directory, never rewritten;
and reading it beside what engines wrote down."""

from __future__ import annotations

import json
import os
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from engine.clock import Clock
from engine.identity import user_name

FILE = "audit.jsonl"


def record(state_dir: Path, clock: Clock, action: str, subject: str, detail: dict[str, object]) -> None:
    """Append one line, on disk when this returns; raises OSError."""
    members = {"at": clock.now(), "who": user_name(), "action": action, "subject": subject, **detail}
    line = json.dumps(members).encode() + b"\n"
    descriptor = os.open(state_dir / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Act:
    """Something that was done: ``log`` is "engine" or "command", ``detail`` one sentence or ""; ``more`` what else a
    command wrote down of it."""

    at: float
    who: str
    action: str
    subject: str
    detail: str
    log: str
    more: dict[str, object] = field(default_factory=dict)


def acts(state_dir: Path, limit: int) -> tuple[list[Act], int]:
    """Return the newest acts of engines and commands, newest first, and how many lines nobody can read.

    Raises StoreError and OSError.
    """
    from engine.store.peek import acts_of

    own, unreadable = _written(state_dir / FILE, limit)
    engines = [Act(*row, log="engine") for row in acts_of(state_dir, limit)]
    return sorted([*engines, *own], key=lambda act: act.at, reverse=True)[:limit], unreadable


def _written(path: Path, limit: int) -> tuple[list[Act], int]:
    """Return the last lines of the commands' log, newest first; a line that was cut off by a full disk is counted."""
    if not path.exists():
        return [], 0
    found: deque[Act] = deque(maxlen=limit)
    unreadable = 0
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                members = json.loads(line)
                known = [members.pop(name) for name in ("at", "who", "action", "subject")]
                at, who, action, subject = known
                found.append(Act(float(at), str(who), str(action), str(subject), "", "command", members))
            except (ValueError, KeyError, TypeError, AttributeError):
                unreadable += 1
    return list(reversed(found)), unreadable
