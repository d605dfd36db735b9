"""How much memory something takes at its peak, looked at from outside."""

from __future__ import annotations

import threading

import psutil

WATCH_SECONDS = 0.02


class PeakMemory:
    """The most resident memory of this process, or of all its descendants together, while it is watched."""

    def __init__(self, descendants: bool) -> None:
        self._descendants = descendants
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.bytes = 0

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        own = psutil.Process()
        while not self._over.wait(WATCH_SECONDS):
            watched = own.children(recursive=True) if self._descendants else [own]
            self.bytes = max(self.bytes, sum(_resident(process) for process in watched))


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
