"""Running engines for commands to talk to, and commands as scripts run them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class RunningEngine:
    """A scripted engine on a state directory."""

    state: Path
    process: subprocess.Popen[str]

    def end(self) -> str:
        """Stop it; return what it was asked to change."""
        return self.process.communicate("")[0]


@pytest.fixture
def start_engine(tmp_path: Path) -> Iterator[Callable[[str], RunningEngine]]:
    """Return a function that starts a scripted engine of a variant; all of them are stopped in the end."""
    started: list[RunningEngine] = []

    def start(variant: str) -> RunningEngine:
        state = tmp_path / f"state-{variant}"
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.engine_process", str(state), variant],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None and process.stdout.readline() == "up\n"
        started.append(RunningEngine(state, process))
        return started[-1]

    yield start
    for engine in started:
        if engine.process.poll() is None:
            engine.end()


@pytest.fixture
def engine(start_engine: Callable[[str], RunningEngine]) -> RunningEngine:
    """A running engine with a critical finding."""
    return start_engine("busy")


@dataclass(frozen=True)
class Answer:
    """What a command came to."""

    code: int
    out: str
    err: str


@pytest.fixture
def syncdeck(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Return a function that runs a command line in this process."""
    from app.cli.main import main

    def run(*words: object) -> Answer:
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return run
