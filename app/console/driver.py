"""A terminal driver that neither a stopped nor a lost terminal can hold up: the engine shares this event loop.

Textual hands output to a thread through a queue of thirty writes. Where the terminal takes nothing (ctrl+s, a
suspended tmux client) the thirty-first write would stop the event loop, and with it an embedded engine; where the
terminal is gone the thread would end with an error, and the loop would wait for it for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO, cast

from textual.drivers.linux_driver import LinuxDriver

if TYPE_CHECKING:
    from textual.app import App

STUCK_WRITES = 60
"""Writes that wait before nothing more is drawn: what is shown next is then whatever is true by that time."""


class _LossyFile:
    """The terminal as a file; writing to one that is gone does nothing."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.lost = False

    def write(self, text: str) -> int:
        """Write to the terminal, while there is one."""
        try:
            return 0 if self.lost else self._file.write(text)
        except OSError:
            self.lost = True
            return 0

    def flush(self) -> None:
        """Flush to the terminal, while there is one."""
        try:
            if not self.lost:
                self._file.flush()
        except OSError:
            self.lost = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class SteadyDriver(LinuxDriver):
    """Textual's driver, with output that never blocks the event loop."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._file = cast(Any, _LossyFile(cast(TextIO, self._file)))

    def start_application_mode(self) -> None:
        """Start as Textual does; after that the queue of writes has no end, and ``is_stuck`` bounds it instead."""
        super().start_application_mode()
        if self._writer_thread is not None:
            self._writer_thread._queue.maxsize = 0

    def close(self) -> None:
        """Wait for the last writes, but not for a terminal that takes none: the thread ends with the process."""
        if not self.is_stuck:
            super().close()

    @property
    def is_stuck(self) -> bool:
        """Whether the terminal takes nothing: draw no more until it does."""
        return self._writer_thread is not None and self._writer_thread._queue.qsize() > STUCK_WRITES
