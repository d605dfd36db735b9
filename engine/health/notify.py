"""Telling the world outside: the operator's own command for each new finding and each recovery."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict

from config.types import OnFinding
from engine.clock import Clock
from engine.health.telling import FINDING, NEVER_TOLD, RECOVERY, Change, Telling
from engine.redaction import redact
from engine.views import FindingView

log = logging.getLogger(__name__)

COMMAND_TIMEOUT_SECONDS = 30.0


MOST_AT_ONCE = 4
"""Commands that run at the same time: five hundred nodes that fail together start no five hundred processes."""


MOST_SAID = 200
"""Characters of what a failing command says last that are shown."""


class FindingNotifier:
    """Runs ``data_plane.on_finding`` without a shell, at most once per finding, kind of news and interval.

    What changed within the interval is told when that is over, if it is still news. The command gets the event on
    standard input as one JSON object: ``event`` ("finding" or "recovery") and the finding's fields. Its arguments may
    hold ``{id}``, ``{severity}``, ``{subject}``, ``{message}``.
    """

    def __init__(self, clock: Clock, on_outcome: Callable[[], None] = lambda: None) -> None:
        """``on_outcome`` is called whenever the command begins to fail, or works again."""
        self._clock = clock
        self._on_outcome = on_outcome
        self._failed: tuple[Sequence[str], str] | None = None
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
                # A command that fails cannot tell of itself, and would be asked to for ever.
                if finding.id != NEVER_TOLD:
                    self._telling.changed(Change(event, finding))
        self._start_what_is_due()

    def failure(self, setting: OnFinding | None) -> str | None:
        """Return why the command of a setting failed when it ran last; None where it did not, or did not run yet."""
        if self._failed is None or setting is None or setting.command != self._failed[0]:
            return None
        return self._failed[1]

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
        before = self._failed
        try:
            failure = await _run(command, change.event, change.finding)
        finally:
            self._telling.done(change)
        self._failed = None if failure is None else (command, failure)
        if failure is not None:
            log.error("on_finding: %s", failure)
        if self._failed != before:
            self._on_outcome()

    def _told(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start_what_is_due()

    async def close(self) -> None:
        """Wait for all that is due to be told; each command is bounded by its time limit."""
        while self._running:
            await asyncio.wait(self._running)
        if self._timer is not None:
            self._timer.cancel()


async def _run(command: Sequence[str], event: str, finding: FindingView) -> str | None:
    """Run the command; return why it failed, if it did."""
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
    except (OSError, ValueError) as error:
        return f"{argv[0]} cannot be started: {error}"
    try:
        _, stderr = await asyncio.wait_for(process.communicate(body), COMMAND_TIMEOUT_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"{argv[0]} took over {COMMAND_TIMEOUT_SECONDS:.0f} s and was ended"
    if process.returncode:
        said = redact(stderr.decode(errors="replace")).strip().splitlines()[-1:]
        why = f": {said[0][:MOST_SAID]}" if said else ""
        return f"{argv[0]} ended with exit code {process.returncode}{why}"
    return None


def _fill(argument: str, fields: dict[str, str]) -> str:
    for name, value in fields.items():
        argument = argument.replace("{" + name + "}", value)
    return argument
