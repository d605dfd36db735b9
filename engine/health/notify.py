"""Telling the world outside: the operator's own command for each new finding and each recovery."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict

from config.types import OnFinding
from engine.clock import Clock
from engine.health.telling import FINDING, RECOVERY, Change, Telling
from engine.views import FindingView

log = logging.getLogger(__name__)

COMMAND_TIMEOUT_SECONDS = 30.0


MOST_AT_ONCE = 4
"""Commands that run at the same time: five hundred nodes that fail together start no five hundred processes."""


class FindingNotifier:
    """Runs ``data_plane.on_finding`` without a shell, at most once per finding, kind of news and interval.

    What changed within the interval is told when that is over, if it is still news. The command gets the event on
    standard input as one JSON object: ``event`` ("finding" or "recovery") and the finding's fields. Its arguments may
    hold ``{id}``, ``{severity}``, ``{subject}``, ``{message}``.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._telling = Telling()
        self._setting: OnFinding | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def notify(
        self, setting: OnFinding | None, appeared: Sequence[FindingView], recovered: Sequence[FindingView]
    ) -> None:
        """Take in what changed and start the command for what is due; returns at once."""
        self._setting = setting
        for event, findings in ((FINDING, appeared), (RECOVERY, recovered)):
            for finding in findings:
                self._telling.changed(Change(event, finding))
        self._start_what_is_due()

    def _start_what_is_due(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        setting = self._setting
        if setting is None or not setting.command:
            return
        loop, now = asyncio.get_running_loop(), self._clock.monotonic()
        while len(self._running) < MOST_AT_ONCE:
            change = self._telling.take(now, setting.min_interval_seconds)
            if change is None:
                break
            task = loop.create_task(self._tell(setting.command, change))
            self._running.add(task)
            task.add_done_callback(self._told)
        due = self._telling.next_due(setting.min_interval_seconds)
        if due is not None and due > now:
            self._timer = loop.call_later(due - now, self._start_what_is_due)

    async def _tell(self, command: Sequence[str], change: Change) -> None:
        try:
            await _run(command, change.event, change.finding)
        finally:
            self._telling.done(change)

    def _told(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start_what_is_due()

    async def close(self) -> None:
        """Wait for all that is due to be told; each command is bounded by its time limit."""
        while self._running:
            await asyncio.wait(self._running)
        if self._timer is not None:
            self._timer.cancel()


async def _run(command: Sequence[str], event: str, finding: FindingView) -> None:
    fields = {k: str(getattr(finding, k)) for k in ("id", "severity", "subject", "message")}
    argv = [_fill(argument, fields) for argument in command]
    body = json.dumps({"event": event, **asdict(finding)}).encode()
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        log.error("on_finding command %s cannot be started: %s", argv[0], error)
        return
    try:
        _, stderr = await asyncio.wait_for(process.communicate(body), COMMAND_TIMEOUT_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        log.error("on_finding command %s took over %.0f s and was ended", argv[0], COMMAND_TIMEOUT_SECONDS)
        return
    if process.returncode:
        text = stderr.decode(errors="replace").strip()
        log.error("on_finding command %s failed with exit code %s: %s", argv[0], process.returncode, text)


def _fill(argument: str, fields: dict[str, str]) -> str:
    for name, value in fields.items():
        argument = argument.replace("{" + name + "}", value)
    return argument
