"""The console attaches to the engine of its state directory; tried on a real pseudo-terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import ROOT, RunningEngine

PATIENCE_SECONDS = 60.0


def read_until(descriptor: int, pattern: bytes) -> bytes:
    """Return what a terminal shows up to and including a pattern."""
    seen = b""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not re.search(pattern, seen):
        left = give_up_at - time.monotonic()
        assert left > 0, seen[-2000:]
        if select.select([descriptor], [], [], left)[0]:
            seen += os.read(descriptor, 65_536)
    return seen


def test_a_console_attaches_to_the_running_engine_and_leaves_it_running(
    engine: RunningEngine, tmp_path: Path, syncdeck: Callable[..., object]
) -> None:
    main_end, terminal = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40", "HOME": str(tmp_path)}
    console = subprocess.Popen(
        [sys.executable, str(ROOT / "syncdeck.py"), "--state", str(engine.state)],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=environment,
        start_new_session=True,
    )
    os.close(terminal)
    read_until(main_end, rb"disk of a")  # the scripted engine's critical finding
    os.write(main_end, b"q")
    drain = read_until(main_end, rb"\x1b\[\?1049l")  # back from the alternate screen
    assert b"Traceback" not in drain
    assert console.wait(PATIENCE_SECONDS) == 0
    os.close(main_end)
    assert engine.process.poll() is None
