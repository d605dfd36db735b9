"""``syncdeck --no-ui``: the engine alone, until it is told to stop, or for one round with ``--once``."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.cli import human, json_views, logs, output
from app.cli.engine_access import make_engine
from app.cli.exit_codes import ExitCode, of_signal
from app.cli.options import Settings
from app.cli.stopping import StopSignals
from engine.api.lock import HolderKind, StateLock
from engine.api.paths import socket_path
from engine.api.served import ServedEngine
from engine.api.server import ControlServer
from engine.clock import SystemClock

if TYPE_CHECKING:
    from engine.data_plane import OnceReport, UnifiedDataPlane

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HeadlessOptions:
    """What was asked of an engine without a console."""

    once: bool
    observe: bool
    log_json: bool
    json_output: bool


def headless(settings: Settings, options: HeadlessOptions) -> int:
    """Run the engine alone; return its exit code. Raises ConfigError, EngineRunning, SyncdeckError."""
    logs.log_to_stderr(options.log_json)
    config_path = settings.config_path()
    clock = SystemClock()
    with StateLock.acquire(settings.state_dir(), clock, HolderKind.ENGINE) as lock:
        engine = make_engine(config_path, lock.state_dir, clock, "headless", options.observe)
        if options.once:
            return asyncio.run(_once(engine, lock, options.json_output))
        return asyncio.run(_until_stopped(engine, lock))


async def _until_stopped(engine: UnifiedDataPlane, lock: StateLock) -> int:
    served = ServedEngine.of(engine, socket_path(lock.state_dir))
    with StopSignals() as stop:
        try:
            starting = asyncio.create_task(served.start())
            await stop.wait_for(starting)
            if stop.number is None:
                starting.result()
                await stop.wait()
            else:
                starting.cancel()
                with suppress(asyncio.CancelledError):
                    await starting
            log.info("stopping")
        finally:
            await served.close()
    return ExitCode.DONE


async def _once(engine: UnifiedDataPlane, lock: StateLock, json_output: bool) -> int:
    """One round. The control socket is there meanwhile, so that others can look on."""
    server = ControlServer(engine, socket_path(lock.state_dir))
    with StopSignals() as stop:
        await server.start()
        round_ = asyncio.create_task(engine.run_once())
        try:
            await stop.wait_for(round_)
            if stop.number is not None:
                round_.cancel()
                with suppress(asyncio.CancelledError):
                    await round_
                output.note("interrupted; what is queued goes on at the next start")
                return of_signal(stop.number)
            report = round_.result()
        finally:
            await server.close()
            await engine.close()
    _print(report, json_output)
    return ExitCode.BAD_ANSWER if report.failed or report.blocked or report.unfinished else ExitCode.DONE


def _print(report: OnceReport, json_output: bool) -> None:
    if json_output:
        output.json_value(_as_json(report))
        return
    output.text(f"{human.count(report.done, 'transfer')} done, {report.failed} failed, {report.blocked} blocked")
    if report.unfinished:
        output.text("more is to be moved, but the queue is full of what waits to be tried again: run this again later")
    for node in report.unreachable:
        output.text(f"unreachable: {node}")
    for finding in report.findings:
        output.text(f"{finding.severity}: {finding.subject}: {finding.message}")


def _as_json(report: OnceReport) -> dict[str, Any]:
    return {
        "done": report.done,
        "failed": report.failed,
        "blocked": report.blocked,
        "unfinished": report.unfinished,
        "unreachable": list(report.unreachable),
        "findings": [json_views.finding(finding) for finding in report.findings],
    }
