"""Two engines never run on one state directory, and a killed one never keeps it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.api.errors import EngineRunning
from engine.api.lock import HolderKind, StateLock
from engine.api.paths import lock_path
from engine.clock import SystemClock
from engine.errors import ErrorClass, SyncdeckError

HOLD = """
import sys
from pathlib import Path
from engine.api.lock import HolderKind, StateLock
from engine.clock import SystemClock
lock = StateLock.acquire(Path(sys.argv[1]), SystemClock(), HolderKind(sys.argv[2]))
print("held", flush=True)
sys.stdin.readline()
lock.release()
"""
ROOT = Path(__file__).resolve().parents[2]


class Other:
    """Another process that holds the lock until it is told to let go, or killed."""

    def __init__(self, state_dir: Path, kind: HolderKind = HolderKind.ENGINE) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(state_dir), kind.value],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        assert self.process.stdout is not None and self.process.stdout.readline() == b"held\n"

    def let_go(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Other]:
    holder = Other(tmp_path)
    yield holder
    holder.let_go()


def test_a_second_engine_is_refused_and_told_who_holds_the_directory(tmp_path: Path, other: Other) -> None:
    with pytest.raises(EngineRunning, match=str(other.process.pid)) as caught:
        StateLock.acquire(tmp_path, SystemClock())
    assert caught.value.pid == other.process.pid


def test_a_command_is_refused_while_an_engine_runs(tmp_path: Path, other: Other) -> None:
    with pytest.raises(EngineRunning):
        StateLock.acquire(tmp_path, SystemClock(), HolderKind.COMMAND)


def test_the_lock_of_a_killed_engine_is_free_at_once(tmp_path: Path, other: Other) -> None:
    os.kill(other.process.pid, signal.SIGKILL)
    other.process.wait()
    with StateLock.acquire(tmp_path, SystemClock(), patience_seconds=0) as lock:
        assert lock.state_dir == tmp_path.resolve()


def test_an_engine_waits_for_a_short_command_to_leave(tmp_path: Path) -> None:
    command = Other(tmp_path, HolderKind.COMMAND)
    with pytest.raises(EngineRunning, match="a command"):
        StateLock.acquire(tmp_path, SystemClock(), patience_seconds=0)
    waiting = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path), "engine"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    command.let_go()
    assert waiting.communicate(b"\n")[0] == b"held\n"


def test_a_released_lock_can_be_taken_again_by_this_process(tmp_path: Path) -> None:
    StateLock.acquire(tmp_path, SystemClock()).release()
    with StateLock.acquire(tmp_path, SystemClock()), pytest.raises(EngineRunning):
        StateLock.acquire(tmp_path, SystemClock())


def test_a_new_state_directory_is_its_owners_alone(tmp_path: Path) -> None:
    state = tmp_path / "new" / "state"
    with StateLock.acquire(state, SystemClock()):
        assert stat.S_IMODE(state.stat().st_mode) == 0o700
        assert stat.S_IMODE(lock_path(state).stat().st_mode) == 0o600


def test_garbage_in_the_lock_file_keeps_nobody_out(tmp_path: Path) -> None:
    lock_path(tmp_path).write_bytes(b"\xff{garbage")
    StateLock.acquire(tmp_path, SystemClock()).release()


def test_a_state_directory_that_cannot_be_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SyncdeckError) as caught:
        StateLock.acquire(tmp_path / "file" / "state", SystemClock())
    assert caught.value.error_class is ErrorClass.CONFIG


def test_a_lock_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    lock_path(tmp_path).symlink_to(tmp_path / "victim")
    with pytest.raises(SyncdeckError):
        StateLock.acquire(tmp_path, SystemClock())
    assert (tmp_path / "victim").read_text() == "precious"


def test_a_full_disk_is_told_as_such_and_holds_no_lock(tmp_path: Path) -> None:
    script = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from engine.api.lock import StateLock\n"
        "from engine.clock import SystemClock\n"
        "from engine.errors import SyncdeckError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))\n"
        "try:\n"
        "    StateLock.acquire(Path(sys.argv[1]), SystemClock())\n"
        "except SyncdeckError as error:\n"
        "    print(error.error_class, error.cause, error.remedy)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))\n"
        "StateLock.acquire(Path(sys.argv[1]), SystemClock(), patience_seconds=0).release()\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("no-space") and "free some space" in done.stdout
