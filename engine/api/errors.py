"""What can go wrong between a command and an engine; each of these ends a command with exit code 3."""

from __future__ import annotations

from engine.errors import ErrorClass, SyncdeckError


class EngineRunning(SyncdeckError):
    """Another process holds the state directory; ``pid`` is its process id, or None when it could not be read."""

    def __init__(self, subject: str, cause: str, remedy: str, pid: int | None) -> None:
        super().__init__("use state directory", subject, cause, remedy, ErrorClass.CONFIG)
        self.pid = pid


class EngineUnreachable(SyncdeckError):
    """The engine's control socket does not answer (any more)."""

    def __init__(self, subject: str, cause: str, remedy: str) -> None:
        super().__init__("reach the engine at", subject, cause, remedy, ErrorClass.TRANSIENT_NETWORK)
