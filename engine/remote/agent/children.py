"""Work in a process of its own: snapshots (SQLite's locks belong to a process) and polite hashing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import Any, Callable

from engine.remote.agent.boot import agent_argv
from engine.remote.agent.failures import Failure, from_exception
from engine.remote.agent.frames import LINE_TAG, LineWriter, die_with, encode, python, write_all

STOPPED_BY_SIGNAL = "the helper process was stopped by signal %d"
POLL_SECONDS = 0.2


def run_child(source: bytes, job: dict[str, Any], check: Callable[[], None]) -> Any:
    """Run one job in a child made of the same source; return its result or raise its Failure.

    The child ends with this process (its stdin is our pipe), and when ``check`` raises.
    """
    child = subprocess.Popen(
        agent_argv(python(), source),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert child.stdin is not None and child.stdout is not None
    try:
        write_all(child.stdin.fileno(), source + encode(job))
        _wait(child, check)
        output = child.stdout.read()
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        child.stdin.close()
        child.stdout.close()
    for line in output.split(b"\n"):
        if line.startswith(LINE_TAG):
            answer = json.loads(line[len(LINE_TAG) :])
            if "error" in answer:
                error = answer["error"]
                raise Failure(error["class"], error["cause"], error["remedy"])
            return answer["result"]
    code = child.returncode
    cause = STOPPED_BY_SIGNAL % -code if code < 0 else "the helper process ended with code %d" % code
    raise Failure("transient-network", cause, "it is tried again by itself")


def _wait(child: "subprocess.Popen[bytes]", check: Callable[[], None]) -> None:
    """Wait for the child's end. Its one answer fits into the pipe, so nothing must be read meanwhile."""
    while True:
        try:
            child.wait(POLL_SECONDS)
            return
        except subprocess.TimeoutExpired:
            check()


def answer(work: Callable[[], Any]) -> None:
    """Be such a child: do the work, write the one answer, end."""
    die_with(0)
    writer = LineWriter(1)
    try:
        writer.write({"result": work()})
    except Exception as error:  # noqa: BLE001 - every failure is told to the process that waits for it
        writer.write({"error": from_exception(error).as_json()})
    os._exit(0)
