"""Work beside the main thread, with little to import.

An agent starts for every file, and concurrent.futures imports logging: some 15 ms before the first byte.
"""

from __future__ import annotations

import threading
from typing import Any, Callable, Optional


class Task:
    """A function that runs in a thread of its own, which the process does not wait for when it ends."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._value: Any = None
        self._error: Optional[BaseException] = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def result(self) -> Any:
        """Wait for the end; return what the function returned, or raise what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value

    def ended(self, seconds: float) -> bool:
        """Wait so long at most; return whether the work is over, well or not."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._value = self._work()
        except BaseException as error:  # noqa: BLE001 - raised again by result()
            self._error = error
