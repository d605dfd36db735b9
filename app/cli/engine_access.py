"""Which engine a command talks to: the one that runs on its state directory, else one opened in this process."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from app.cli import output
from app.cli.options import Settings
from engine.api.client import SocketClient
from engine.api.errors import EngineRunning
from engine.api.lock import HolderKind, StateLock
from engine.api.paths import socket_path
from engine.client import EngineClient
from engine.clock import Clock, SystemClock

if TYPE_CHECKING:
    from engine.data_plane import UnifiedDataPlane

STARTING_PATIENCE_SECONDS = 10.0
"""How long an engine that holds the lock may take to open its control socket."""
_RETRY_SECONDS = 0.1


def claim(state_dir: Path, clock: Clock, kind: HolderKind) -> StateLock | Path:
    """Return the lock of a state directory, or the control socket of the engine that runs on it.

    Raises EngineRunning when an engine holds the lock and does not open its socket in time.
    """
    give_up_at = clock.monotonic() + STARTING_PATIENCE_SECONDS
    while True:
        path = socket_path(state_dir)
        if _answers(path):
            return path
        try:
            return StateLock.acquire(state_dir, clock, kind)
        except EngineRunning:
            if clock.monotonic() >= give_up_at:
                raise
            time.sleep(_RETRY_SECONDS)


@asynccontextmanager
async def engine_for(settings: Settings, clock: Clock | None = None) -> AsyncIterator[EngineClient]:
    """Yield the engine of a command: attached to, or opened without touching any node while the lock is held."""
    clock = clock or SystemClock()
    state_dir = settings.state_dir()
    claimed = await asyncio.to_thread(claim, state_dir, clock, HolderKind.COMMAND)
    if isinstance(claimed, StateLock):
        with claimed:
            async with _offline(settings, claimed.state_dir, clock) as engine:
                yield engine
        return
    client = SocketClient(claimed)
    await client.start()
    try:
        await _mention_other_config(settings, client)
        yield client
    finally:
        await client.close()


def make_engine(
    config_path: Path, state_dir: Path, clock: Clock, mode: Literal["embedded", "headless"], observe: bool | None
) -> UnifiedDataPlane:
    """Return an engine for a state directory whose lock the caller holds; imports the whole data plane."""
    from engine.data_plane import UnifiedDataPlane

    return UnifiedDataPlane(config_path, state_dir, clock, mode=mode, observe=observe)


@asynccontextmanager
async def _offline(settings: Settings, state_dir: Path, clock: Clock) -> AsyncIterator[EngineClient]:
    engine = make_engine(settings.config_path(), state_dir, clock, "embedded", None)
    await engine.open_offline()
    try:
        yield engine
    finally:
        await engine.close()


async def _mention_other_config(settings: Settings, client: EngineClient) -> None:
    if settings.config is None:
        return
    used = (await client.status()).engine.config
    if used and Path(used).resolve() != settings.config.resolve():
        output.note(f"the running engine uses {used}, not {settings.config}: its answer follows")


def _answers(path: Path) -> bool:
    """Return whether somebody listens on a socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
