"""Guarded commands end with the engine, whatever ends it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from engine.remote.guard import guarded_exec
from tests.fleet_sshd import wait_for_the_end_of

FAMILY = ["sh", "-c", "sleep 1000 & echo $$ $!; wait"]
ENGINE = """
import asyncio
from engine.remote.guard import guarded_exec
async def main():
    guarded = await guarded_exec({argv!r}, None)
    print((await guarded.stdout.readline()).decode(), flush=True)
    await guarded.wait()
asyncio.run(main())
"""


async def test_output_and_exit_code_are_the_commands_own() -> None:
    guarded = await guarded_exec(["sh", "-c", "echo out; echo err >&2; exit 23"])
    assert await guarded.stdout.read() == b"out\n"
    assert await guarded.stderr.read() == b"err\n"
    assert await guarded.wait() == 23


async def test_a_command_ended_by_a_signal_is_told_from_an_ordinary_failure() -> None:
    guarded = await guarded_exec(["sh", "-c", "kill -9 $$"])
    assert await guarded.wait() == 128 + signal.SIGKILL


async def test_a_missing_command_is_127_with_its_name() -> None:
    guarded = await guarded_exec(["/nonexistent/rsync"])
    assert b"/nonexistent/rsync" in await guarded.stderr.read()
    assert await guarded.wait() == 127


async def test_the_environment_is_the_one_given() -> None:
    guarded = await guarded_exec(["/usr/bin/env"], {"ONLY": "this"})
    assert (await guarded.stdout.read()).splitlines()[0] == b"ONLY=this"
    await guarded.wait()


async def test_kill_ends_the_command_and_its_children() -> None:
    guarded = await guarded_exec(FAMILY)
    family = [psutil.Process(int(pid)) for pid in (await guarded.stdout.readline()).split()]
    await guarded.kill()
    wait_for_the_end_of(family)


async def test_a_command_that_ignores_sigterm_is_killed_all_the_same() -> None:
    guarded = await guarded_exec(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1000; done"])
    await guarded.stdout.readline()
    await guarded.kill()
    assert guarded.returncode is not None


def test_nothing_survives_an_engine_killed_with_sigkill() -> None:
    engine = subprocess.Popen(
        [sys.executable, "-c", ENGINE.format(argv=FAMILY)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert engine.stdout is not None
    family = [psutil.Process(int(pid)) for pid in engine.stdout.readline().split()]
    os.kill(engine.pid, signal.SIGKILL)
    engine.wait()
    engine.stdout.close()
    wait_for_the_end_of(family)


async def test_many_guarded_commands_run_side_by_side() -> None:
    started = await asyncio.gather(*(guarded_exec(["sh", "-c", f"echo {n}"]) for n in range(5)))
    assert [int(await guarded.stdout.read()) for guarded in started] == list(range(5))
    await asyncio.gather(*(guarded.wait() for guarded in started))
