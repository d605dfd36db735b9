"""Every exit code of the command line, and which error ends with which. Documented in docs/command-line.md."""

from __future__ import annotations

from enum import IntEnum

from config.errors import ConfigError
from engine.api.errors import EngineRunning, EngineUnreachable
from engine.errors import ErrorClass, SyncdeckError


class ExitCode(IntEnum):
    """What a script learns from a command."""

    DONE = 0
    BAD_ANSWER = 1
    USAGE = 2
    ENGINE = 3
    INTERRUPTED = 130
    """Ctrl-C, as every shell has it: 128 and the signal's number."""


def of_signal(number: int) -> int:
    """Return the exit code of a run that a signal cut short, as shells have it."""
    return 128 + number


def of_error(error: SyncdeckError | ConfigError) -> ExitCode:
    """Return the exit code of a command that an error ended."""
    if isinstance(error, (EngineRunning, EngineUnreachable)):
        return ExitCode.ENGINE
    if isinstance(error, ConfigError) or error.error_class is ErrorClass.CONFIG:
        return ExitCode.USAGE
    return ExitCode.BAD_ANSWER
