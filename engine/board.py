"""The status board: one view of everything, made again when something changed, at most ten times a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from engine.clock import Clock
from engine.views import FindingView, StatusView

LEAST_INTERVAL_SECONDS = 0.1
"""A console is never told more often than this."""
RUNNING_INTERVAL_SECONDS = 0.5
"""While transfers run, or figures follow a change, what is shown is made anew this often."""
IDLE_INTERVAL_SECONDS = 5.0
"""With nothing happening, ages and lags are looked at this often; an equal view makes no new revision."""

MakeView = Callable[[int], Awaitable[StatusView]]
OnFindings = Callable[[tuple[FindingView, ...]], None]


class StatusBoard:
    """Holds the newest status view and its revision."""

    def __init__(
        self, make_view: MakeView, clock: Clock, on_findings: OnFindings, is_behind: Callable[[], bool] = lambda: False
    ) -> None:
        """``is_behind`` says whether the newest view shows figures that are known to be over."""
        self._make_view = make_view
        self._is_behind = is_behind
        self._clock = clock
        self._on_findings = on_findings
        self._view: StatusView | None = None
        self._touched = asyncio.Event()
        self._changed = asyncio.Condition()
        self._making = asyncio.Lock()

    def touch(self) -> None:
        """Say that something shown may have changed."""
        self._touched.set()

    async def status(self) -> StatusView:
        """Return the newest view; makes one when there is none yet."""
        return self._view if self._view is not None else await self.refresh()

    async def refresh(self) -> StatusView:
        """Make a view now and return it; its revision grows only when it shows something new."""
        async with self._making:
            before = self._view
            revision = before.revision if before is not None else 0
            made = await self._make_view(revision)
            if before is not None and _same(before, made):
                self._view = replace(before, at=made.at)
                return self._view
            self._view = replace(made, revision=revision + 1)
            self._on_findings(made.findings)
        async with self._changed:
            self._changed.notify_all()
        return self._view

    async def wait_for_change(self, revision: int, timeout_seconds: float) -> int:
        """Return the revision as soon as it differs from ``revision``, or after the timeout."""
        view = await self.status()
        if view.revision != revision:
            return view.revision
        try:
            async with asyncio.timeout(timeout_seconds), self._changed:
                await self._changed.wait()
        except TimeoutError:
            return (await self.status()).revision
        return (await self.status()).revision

    async def run(self) -> None:
        """Keep the view new, for ever."""
        while True:
            view = await self.refresh()
            await asyncio.sleep(LEAST_INTERVAL_SECONDS)
            soon = view.running or self._is_behind()
            rest = (RUNNING_INTERVAL_SECONDS if soon else IDLE_INTERVAL_SECONDS) - LEAST_INTERVAL_SECONDS
            try:
                async with asyncio.timeout(rest):
                    await self._touched.wait()
            except TimeoutError:
                continue
            finally:
                self._touched.clear()


def _same(before: StatusView, after: StatusView) -> bool:
    """Return whether two views show the same; the time at which they were true does not count."""
    return replace(before, at=0.0, revision=0) == replace(after, at=0.0, revision=0)
