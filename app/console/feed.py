"""The one loop that follows the engine: it waits for changes and hands on the newest view, never piling up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine.client import EngineClient
from engine.errors import ErrorClass, SyncdeckError
from engine.views import StatusView

WAIT_SECONDS = 1.0
LEAST_INTERVAL_SECONDS = 0.5
"""Between two views while something changes; progress is readable at this rate and cheap over SSH."""
QUIET_STATUS_EVERY = 10
"""Answers without a change after which a view is fetched all the same, so that ages in it move on."""
RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0)


class Feed:
    """Follows one engine. ``on_view`` gets views, ``on_alive`` is told of answers without change, ``on_error``
    of failures; after those the loop goes on, more slowly."""

    def __init__(
        self,
        client: EngineClient,
        on_view: Callable[[StatusView], None],
        on_alive: Callable[[], None],
        on_error: Callable[[SyncdeckError], None],
        least_interval_seconds: float = LEAST_INTERVAL_SECONDS,
    ) -> None:
        self._client = client
        self._on_view = on_view
        self._on_alive = on_alive
        self._on_error = on_error
        self._least_interval = least_interval_seconds
        self._going = asyncio.Event()
        self._going.set()

    @property
    def paused(self) -> bool:
        """Whether the view stands still."""
        return not self._going.is_set()

    def pause(self) -> None:
        """Fetch nothing more until ``go_on``."""
        self._going.clear()

    def go_on(self) -> None:
        """Follow the engine again."""
        self._going.set()

    async def run(self) -> None:
        """Start the client, then follow it until cancelled."""
        await self._start()
        failures = 0
        revision, quiet = -1, 0
        while True:
            await self._going.wait()
            try:
                current = await self._client.wait_for_change(revision, WAIT_SECONDS)
                quiet = 0 if current != revision else quiet + 1
                if quiet % QUIET_STATUS_EVERY == 0 and self._going.is_set():
                    view = await self._client.status()
                    revision = view.revision
                    self._on_view(view)
                else:
                    self._on_alive()
                failures = 0
            except Exception as error:  # noqa: BLE001 - shown, and the engine is asked again
                self._on_error(as_shown(error, "follow", "the engine"))
                await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                failures += 1
                revision = -1
            await asyncio.sleep(self._least_interval)

    async def _start(self) -> None:
        """Start, again while only the connection fails; any other failure is shown and waits for the operator."""
        failures = 0
        while True:
            try:
                await self._client.start()
                return
            except Exception as error:  # noqa: BLE001 - shown; the console stays to show it
                shown = as_shown(error, "start", "the engine")
                self._on_error(shown)
                if shown.error_class is not ErrorClass.TRANSIENT_NETWORK:
                    await asyncio.Event().wait()
                await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                failures += 1


def as_shown(error: Exception, operation: str, subject: str) -> SyncdeckError:
    """Return an error that can be shown; one that is not of ours is a fault in the program, and says so."""
    if isinstance(error, SyncdeckError):
        return error
    cause = f"{type(error).__name__}: {error}"
    return SyncdeckError(operation, subject, cause, "This is a fault in syncdeck; please report it with the log.")
