"""How a command says that it failed: what was tried, on what, why, and what mends it. Never a traceback."""

from __future__ import annotations

import logging

from app.cli import output
from app.cli.exit_codes import ExitCode, of_error
from config.errors import ConfigError
from engine.errors import SyncdeckError

log = logging.getLogger(__name__)


def report(error: Exception) -> int:
    """Write an error to stderr, an unexpected one with its traceback to the log; return the exit code."""
    if isinstance(error, SyncdeckError):
        output.note(f"{error.operation} {error.subject}: {error.cause}")
        if error.remedy:
            output.note(f"  {error.remedy}")
        return of_error(error)
    if isinstance(error, ConfigError):
        output.note(f"configuration {_place(error)}: {error.cause}")
        if error.remedy:
            output.note(f"  {error.remedy}")
        return of_error(error)
    log.error("unexpected error", exc_info=error)
    output.note(f"unexpected {type(error).__name__}: {error}")
    output.note("  this is a fault in syncdeck; its log holds the details")
    return ExitCode.BAD_ANSWER


def _place(error: ConfigError) -> str:
    parts = [str(error.file)]
    if error.line:
        parts.append(str(error.line))
        if error.column:
            parts.append(str(error.column))
    key = f" ({error.key})" if error.key else ""
    return ":".join(parts) + key
