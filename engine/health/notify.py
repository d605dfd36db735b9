"""Telling the world outside: the operator's own command for each new finding and each recovery."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict

from config.types import OnFinding
from engine.clock import Clock
from engine.views import FindingView

log = logging.getLogger(__name__)

COMMAND_TIMEOUT_SECONDS = 30.0


class FindingNotifier:
    """Runs ``data_plane.on_finding`` without a shell, at most once per finding and interval.

    The command gets the event on standard input as one JSON object: ``event`` ("finding" or "recovery")
    and the finding's fields. Its arguments may hold ``{id}``, ``{severity}``, ``{subject}``, ``{message}``.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_run: dict[tuple[str, str], float] = {}
        self._running: set[asyncio.Task[None]] = set()

    def notify(
        self, setting: OnFinding | None, appeared: Sequence[FindingView], recovered: Sequence[FindingView]
    ) -> None:
        """Start the command for each change that is due; returns at once."""
        if setting is None or not setting.command:
            return
        for event, findings in (("finding", appeared), ("recovery", recovered)):
            for finding in findings:
                if self._due(event, finding.id, setting.min_interval_seconds):
                    task = asyncio.get_running_loop().create_task(_run(setting.command, event, finding))
                    self._running.add(task)
                    task.add_done_callback(self._running.discard)

    def _due(self, event: str, finding_id: str, interval_seconds: float) -> bool:
        now = self._clock.monotonic()
        last = self._last_run.get((event, finding_id))
        if last is not None and now - last < interval_seconds:
            return False
        self._last_run[(event, finding_id)] = now
        return True

    async def close(self) -> None:
        """Wait for commands that run; each is bounded by its time limit."""
        if self._running:
            await asyncio.wait(self._running)


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
