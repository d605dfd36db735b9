"""A sender whose stream goes straight to the target: this node's ssh starts the receiver, with the operator's agent.

What is written to stdout goes into that ssh; what the receiver says comes back from it and goes up to the engine. The
host keys that ssh may meet at the target are handed to it in memory: nothing is left on this node.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
from typing import Any, Dict, List

from engine.remote.agent.compression import widen_pipe
from engine.remote.agent.failures import Failure, from_exception
from engine.remote.agent.frames import read_frame, write_all
from engine.remote.agent.live_reading import LiveFile
from engine.remote.agent.programs import find_tool
from engine.remote.agent.sending import Reporter, Wire, quiet, run

SSH_FAILED = 255
KEPT_BYTES = 64 << 10
READ_BYTES = 64 << 10
NO_AGENT = Failure(
    "config",
    "no ssh-agent came with the connection: none runs beside the engine (SSH_AUTH_SOCK), or sshd here refuses it",
    "start ssh-agent before the engine, or set AllowAgentForwarding yes",
)


class Onward:
    """The ssh to the target. From now on what is written to stdout goes there."""

    def __init__(self, order: Dict[str, Any], reporter: Reporter) -> None:
        self._reporter = reporter
        self._words = b""
        self._up = os.dup(1)
        self._ssh = subprocess.Popen(
            self._argv(order), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
        assert self._ssh.stdin is not None
        widen_pipe(self._ssh.stdin.fileno())
        os.dup2(self._ssh.stdin.fileno(), 1)
        self._ssh.stdin.close()
        self._over = threading.Thread(target=self._until_over, daemon=True)
        self._over.start()
        try:
            write_all(1, base64.b64decode(order["head"]))
        except BrokenPipeError:
            return  # It ended, and says why by itself.

    def let_go(self) -> None:
        """Say that nothing more comes; return when the receiver is done and what it said has gone up."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        self._over.join()

    def _argv(self, order: Dict[str, Any]) -> List[str]:
        ssh = find_tool("ssh")
        if ssh is None:
            raise Failure("unsupported", "there is no ssh on this node", "install an OpenSSH client there")
        if not os.environ.get("SSH_AUTH_SOCK"):
            raise NO_AGENT
        argv = [ssh, *order["options"], "-o", "UserKnownHostsFile=" + self._file(order["known_hosts"])]
        if order["public_key"] is not None:
            argv += ["-i", self._file(order["public_key"]), "-o", "IdentitiesOnly=yes"]
        return [*argv, "--", order["destination"], order["command"]]

    def _file(self, text: str) -> str:
        """Return a path under which our ssh reads ``text``, for as long as this process lives."""
        if not hasattr(os, "memfd_create"):
            cause = "%s cannot hand host keys to ssh in memory" % sys.platform
            raise Failure("unsupported", cause, "nothing: streams from here go through the engine")
        fd = os.memfd_create("syncdeck")
        write_all(fd, text.encode("ascii"))
        return "/proc/%d/fd/%d" % (os.getpid(), fd)

    def _until_over(self) -> None:
        """Hand on what the receiver says, keep what ssh says, and tell the engine how it ended."""
        keeping = threading.Thread(target=self._keep_words, daemon=True)
        keeping.start()
        assert self._ssh.stdout is not None
        while True:
            data = os.read(self._ssh.stdout.fileno(), READ_BYTES)
            if not data:
                break
            write_all(self._up, data)
        code = self._ssh.wait()
        keeping.join()
        _tell_over(self._reporter, code, self._words.decode("utf-8", "replace"))

    def _keep_words(self) -> None:
        assert self._ssh.stderr is not None
        while True:
            data = os.read(self._ssh.stderr.fileno(), READ_BYTES)
            if not data:
                return
            self._words = (self._words + data)[-KEPT_BYTES:]


def _tell_over(reporter: Reporter, code: int, words: str) -> None:
    reporter.write({"onward": {"code": code, "words": words}})


def main(source: bytes) -> None:
    """Be a sender: the job comes first on stdin, then orders."""
    job = read_frame(0)
    if job is None:
        sys.exit(97)
    reporter = Reporter()
    try:
        onward = Onward(job["onward"], reporter)
    except Exception as error:  # noqa: BLE001 - every failure travels to the engine
        _tell_over(reporter, SSH_FAILED, from_exception(error).cause)
        os._exit(1)
    opened = LiveFile if job["live"] else quiet
    run(job, lambda: read_frame(0), Wire(job, reporter), reporter, opened, onward.let_go)
