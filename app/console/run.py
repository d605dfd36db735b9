"""Running the console on a terminal, and leaving it as it was found whatever ends the program."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping

from app.console.app import SyncdeckApp
from app.console.terminal import EXIT_TERMINAL_LOST, terminal_is_there
from app.console.themes import DARK
from engine.client import EngineClient
from engine.clock import Clock, SystemClock

CLOSE_SECONDS = 0.8
"""An operator who quits waits no longer than this for the engine; killed work goes on at the next start."""


def run_console(
    client: EngineClient,
    clock: Clock | None = None,
    read_only: bool = False,
    title: str = "syncdeck",
    keymap: Mapping[str, str] | None = None,
    theme: str = DARK,
) -> int:
    """Run the console until the operator leaves; return the exit code (128 + the signal that ended it)."""
    app = SyncdeckApp(client, clock or SystemClock(), read_only, title, keymap, theme, watch_terminal=True)
    return asyncio.run(_run(app, client))


async def _run(app: SyncdeckApp, client: EngineClient) -> int:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, app.exit, 128 + number)
    try:
        code = await app.run_async()
    except OSError:
        if terminal_is_there():
            raise
        code = EXIT_TERMINAL_LOST
    finally:
        closing = asyncio.ensure_future(client.close())
        await asyncio.wait({closing}, timeout=CLOSE_SECONDS)
    if closing.done() and not closing.cancelled() and (error := closing.exception()) is not None:
        raise error
    return app.return_code or 0 if code is None else code
