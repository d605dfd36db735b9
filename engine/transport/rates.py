"""A rate cap that may change while a transfer runs."""

from __future__ import annotations

from collections.abc import Callable

RateHeard = Callable[[int | None], None]
"""Called, on the event loop, with the new cap in bytes per second; None: no cap."""


class RateCap:
    """How fast one transfer may go, in bytes per second on the wire; None means as fast as it can.

    Whoever shares out bandwidth calls ``set``; a transport subscribes and hands changes on to what it runs.
    Owned by the event loop.
    """

    def __init__(self, bytes_per_second: int | None = None) -> None:
        self._bytes_per_second = bytes_per_second
        self._heard: list[RateHeard] = []

    @property
    def bytes_per_second(self) -> int | None:
        """The cap now."""
        return self._bytes_per_second

    def set(self, bytes_per_second: int | None) -> None:
        """Change the cap; subscribers hear of it unless nothing changed."""
        if bytes_per_second == self._bytes_per_second:
            return
        self._bytes_per_second = bytes_per_second
        for heard in tuple(self._heard):
            heard(bytes_per_second)

    def subscribe(self, heard: RateHeard) -> Callable[[], None]:
        """Have ``heard`` called at every change; return what ends that."""
        self._heard.append(heard)

        def end() -> None:
            if heard in self._heard:
                self._heard.remove(heard)

        return end
