"""What every test may rely on."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# A machine that is busy is no fault of ours: no example is held to a time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# A run in a shell's background has Ctrl-C ignored, and so would every program that the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the folder of the repository itself."""
    return REPOSITORY


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], None]:
    """Return a function that returns as soon as a condition holds, and fails the test when it never does."""

    def wait(condition: Callable[[], bool], patience_seconds: float = 60.0) -> None:
        deadline = time.monotonic() + patience_seconds
        pause = threading.Event()
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            pause.wait(0.02)

    return wait
