"""Asks a person before something that cannot simply be undone. Where nobody can answer, the answer is no."""

from __future__ import annotations

import sys

from app.cli import output
from engine.errors import ErrorClass, SyncdeckError


def confirm(operation: str, question: str, yes: bool) -> None:
    """Return if the operator agrees; raises SyncdeckError if not, or if there is no terminal to ask on."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise SyncdeckError(
            operation, "without asking", "there is no terminal to ask on", "repeat it with --yes", ErrorClass.CONFIG
        )
    output.note(f"{question} [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise SyncdeckError(operation, "as asked", "you said no", "", ErrorClass.CONFIG)
