"""A helper process that converses with the engine: what it says are items of its request, what it hears are orders.

Page checksums are computed in a process of their own: thousands of short calls would hold up every other request.
"""

from __future__ import annotations

import os
import queue
import select
import signal
import subprocess
import threading
import time
from typing import Any, Callable, Dict, Protocol, Tuple

from engine.remote.agent.boot import agent_argv
from engine.remote.agent.children import POLL_SECONDS, STOPPED_BY_SIGNAL
from engine.remote.agent.failures import Failure, from_exception
from engine.remote.agent.frames import encode, python, read_frame, write_all

HEARTBEAT_SECONDS = 1.0


class Call(Protocol):
    """What a request offers its work; see control.py. ``told`` holds the engine's orders."""

    told: "queue.SimpleQueue[Any]"

    def emit(self, item: Any) -> None:
        """Send one item of the request, when the engine has taken the last ones."""

    def check(self) -> None:
        """Raise when the request was cancelled."""


def relay(source: bytes, job: Dict[str, Any], call: Call) -> Any:
    """Run a helper made of the same source; return its result or raise its Failure.

    It ends with this process, and soon after the request was cancelled.
    """
    child = subprocess.Popen(
        agent_argv(python(), source),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert child.stdin is not None and child.stdout is not None
    stdin, stdout = child.stdin, child.stdout
    orders = threading.Thread(target=_hand_on, args=(call.told, stdin.fileno()), daemon=True)
    try:
        write_all(stdin.fileno(), source + encode(job))
        orders.start()
        while True:
            while not select.select([stdout], [], [], POLL_SECONDS)[0]:
                call.check()
            said = read_frame(stdout.fileno())
            if said is None:
                raise _ended(child)
            if "result" in said:
                return said["result"]
            if "error" in said:
                error = said["error"]
                raise Failure(error["class"], error["cause"], error["remedy"])
            call.emit(said["item"])
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        call.told.put(None)
        if orders.ident is not None:
            orders.join()
        stdin.close()
        stdout.close()


def _hand_on(told: "queue.SimpleQueue[Any]", fd: int) -> None:
    while True:
        order = told.get()
        if order is None:
            return
        try:
            write_all(fd, encode(order))
        except OSError:
            return  # The helper ended; why is known where its words are read.


def _ended(child: "subprocess.Popen[bytes]") -> Failure:
    code = child.wait()
    cause = STOPPED_BY_SIGNAL % -code if code < 0 else "the helper process ended with code %d" % code
    return Failure("transient-network", cause, "it is tried again by itself")


class Talk:
    """The helper's side: orders in, items out. It ends when nobody holds its stdin any more."""

    def __init__(self) -> None:
        self._orders: "queue.SimpleQueue[Any]" = queue.SimpleQueue()
        self._next_heartbeat = time.monotonic() + HEARTBEAT_SECONDS
        self._speaking = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            order = read_frame(0)
            if order is None:
                os._exit(1)
            self._orders.put(order)

    def hear(self) -> Tuple[str, Any]:
        """Wait for the next order; return its word and what it says."""
        order = self._orders.get()
        return str(order[0]), order[1]

    def pending(self) -> bool:
        """Return whether ``hear`` would not wait."""
        return not self._orders.empty()

    def say(self, item: Dict[str, Any]) -> None:
        """Tell the engine something."""
        data = encode({"item": item})
        with self._speaking:
            write_all(1, data)

    def moved(self, done: int) -> None:
        """Show now and then that work goes on."""
        at = time.monotonic()
        if at >= self._next_heartbeat:
            self._next_heartbeat = at + HEARTBEAT_SECONDS
            self.say({"at": done})


def converse(work: Callable[[Talk], Any]) -> None:
    """Be such a helper: do the work, say how it ended, end."""
    talk = Talk()
    try:
        write_all(1, encode({"result": work(talk)}))
    except Exception as error:  # noqa: BLE001 - every failure is told to the process that waits for it
        write_all(1, encode({"error": from_exception(error).as_json()}))
    os._exit(0)
