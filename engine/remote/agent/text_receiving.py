"""The receiver for channels that are no clean pipe: the stream comes as lines, each chunk is asked for."""

from __future__ import annotations

from typing import Any, Dict

from engine.remote.agent import receiving
from engine.remote.agent.frames import LineWriter
from engine.remote.agent.lines import Lines, TextReader


class TextReceiver(receiving.Receiver):
    """Asks for chunk after chunk; ``rest`` is what was read of stdin behind the job."""

    def __init__(self, job: Dict[str, Any], lines: LineWriter, rest: bytes) -> None:
        self._stream = Lines(0, rest)
        super().__init__(job, lines)

    def _open_chunks(self) -> Any:
        return TextReader(self._stream, self._tell, self._hear)

    def _tell(self, value: Dict[str, Any]) -> None:
        """Say what is wanted, and with it how far the file is."""
        self._lines.write(dict(value, at=self.file.written))

    def _promised(self, promise: Dict[str, Any]) -> None:
        """Nobody listens to the sender from here on: what it said last is handed on for it."""
        self._tell({"peer": {"sent": promise}})

    def _skip_greeting(self) -> None:
        """Lines tell by themselves what they are."""


def main_text(job: Dict[str, Any], rest: bytes) -> None:
    """Be a receiver."""
    receiving.run(job, lambda job, lines: TextReceiver(job, lines, rest))
