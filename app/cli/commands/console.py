"""``syncdeck``: the console, on the engine that runs on this state directory or on one that it embeds."""

from __future__ import annotations

import asyncio
import importlib
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli import logs
from app.cli.engine_access import claim, make_engine
from app.cli.options import Settings
from engine.api.client import SocketClient
from engine.api.lock import HolderKind, StateLock
from engine.api.paths import socket_path
from engine.api.served import ServedEngine
from engine.client import EngineClient
from engine.clock import Clock, SystemClock
from engine.errors import ErrorClass, SyncdeckError

if TYPE_CHECKING:
    from engine.lab.fleet import Lab

MakeEngine = Callable[[], Awaitable[EngineClient]]


@dataclass(frozen=True, slots=True)
class ConsoleOptions:
    """What was asked of a console. ``observe``: an engine that it embeds moves nothing."""

    lab: bool
    observe: bool
    log_json: bool


def console(settings: Settings, options: ConsoleOptions) -> int:
    """Run the console until it is left; return its exit code. Raises ConfigError, EngineRunning, SyncdeckError."""
    _require_terminal()
    if options.lab:
        return _on_lab(settings, options)
    clock = SystemClock()
    claimed = claim(settings.state_dir(), clock, HolderKind.ENGINE)
    if not isinstance(claimed, StateLock):
        logs.log_command(settings.state_dir())
        return _run(SocketClient(claimed), clock, settings.read_only)
    with claimed:
        logs.log_to_file(claimed.state_dir, options.log_json)
        config_path = settings.config_path()
        # None: observe until the operator has once said go for this file. A console that may change nothing
        # must not start moving data by being opened, either.
        observe = True if options.observe or settings.read_only else None
        return _embedded(_maker(config_path, claimed.state_dir, clock, observe), claimed, clock, settings.read_only)


def _on_lab(settings: Settings, options: ConsoleOptions) -> int:
    from engine.lab.fleet import Lab

    clock = SystemClock()
    with ExitStack() as stack:
        # Short on purpose: control sockets lie below it.
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="syncdeck-lab-", dir="/tmp", ignore_cleanup_errors=True)
            )
        )
        lab = Lab.create(folder)
        stack.callback(lab.stop)
        lock = stack.enter_context(StateLock.acquire(lab.state_dir, clock, HolderKind.ENGINE))
        logs.log_to_file(lock.state_dir, options.log_json)
        stack.callback(logs.log_nowhere)
        # A lab is for seeing things move: it observes only when told to.
        maker = _maker(lab.config_path, lock.state_dir, clock, options.observe or settings.read_only, lab)
        return _embedded(maker, lock, clock, settings.read_only)


def _embedded(make: MakeEngine, lock: StateLock, clock: Clock, read_only: bool) -> int:
    return _run(ServedEngine(make, socket_path(lock.state_dir)), clock, read_only)


def _maker(
    config_path: Path, state_dir: Path, clock: Clock, observe: bool | None, lab: Lab | None = None
) -> MakeEngine:
    """Return what makes the engine after the first paint: it takes most of a second to import."""

    async def make() -> EngineClient:
        if lab is not None:
            await asyncio.to_thread(lab.start)
        await asyncio.to_thread(importlib.import_module, "engine.data_plane")
        return make_engine(config_path, state_dir, clock, "embedded", observe)

    return make


def _run(client: EngineClient, clock: Clock, read_only: bool) -> int:
    from app.console.run import run_console

    return run_console(client, clock, read_only=read_only)


def _require_terminal() -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise SyncdeckError(
            "open",
            "the console",
            "this is no terminal",
            "run `syncdeck --no-ui` for the engine alone, or `syncdeck status` for an answer in text",
            ErrorClass.CONFIG,
        )
