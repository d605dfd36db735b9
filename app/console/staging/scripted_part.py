"""What each part of the scripted client stands on."""

from __future__ import annotations

from engine.views import ActionResult, StatusView


class ScriptedPart:
    """A part of the client. The client that is put together of them shows states, answers and records."""

    view: StatusView

    def _answer(self) -> None:
        """Raise what the script says that the engine fails with, if it does."""
        raise NotImplementedError

    def _did(self, name: str, what: object, message: str) -> ActionResult:
        """Record an act and return what the engine says of it."""
        raise NotImplementedError

    def show(self, view: StatusView) -> None:
        """Let the engine be in another state."""
        raise NotImplementedError
