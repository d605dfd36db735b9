"""An engine in a process of its own, as commands meet it: the lock, the control socket, scripted answers.

Run as ``python -m tests.cli.engine_process STATE_DIR VARIANT``; prints ``up``; ends when its input does.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from engine.api.lock import StateLock
from engine.api.paths import socket_path
from engine.api.server import ControlServer
from engine.clock import SystemClock
from tests.api.scripted_engine import NOTE, ScriptedEngine, a_status


async def main(state_dir: Path, variant: str) -> None:
    if variant == "deaf":  # holds the lock, opens no socket
        with StateLock.acquire(state_dir, SystemClock()):
            await _until_input_ends("up")
        return
    engine = ScriptedEngine(entries=1_203)
    if variant == "calm":
        engine.view = a_status(findings=(NOTE,))
    with StateLock.acquire(state_dir, SystemClock()) as lock:
        server = ControlServer(engine, socket_path(lock.state_dir))
        await server.start()
        await _until_input_ends("up")
        await server.close()
    for what, value in engine.requests:
        print(what, value, flush=True)


async def _until_input_ends(greeting: str) -> None:
    print(greeting, flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
