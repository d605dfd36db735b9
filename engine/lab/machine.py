"""The process that is one lab machine: serves its nodes over SSH and runs their writers until its input ends.

Started with the path of a JSON description (``MachineSpec``). Says on standard output, in one JSON line, on which port
each node listens. Its standard input is a liveness pipe: when the lab that started it ends, however, so does it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.lab.processes import kill_session, python_command
from engine.lab.server import ServedNode, serve


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """What one machine serves. ``writer_spec`` is the path of a description for engine.lab.writers."""

    nodes: tuple[ServedNode, ...]
    writer_spec: str | None
    dies_after_seconds: float | None

    def to_json(self) -> str:
        """Return this as text for the machine's process."""
        return json.dumps(asdict(self), default=str, indent=1)

    @classmethod
    def from_json(cls, text: str) -> MachineSpec:
        """Return what ``to_json`` described; raises KeyError and ValueError on anything else."""
        raw = json.loads(text)
        nodes = tuple(
            ServedNode(
                node["node_id"],
                Path(node["home"]),
                Path(node["host_key"]),
                Path(node["authorized_keys"]),
                int(node["port"]),
            )
            for node in raw["nodes"]
        )
        return cls(nodes, raw["writer_spec"], raw["dies_after_seconds"])


def _die() -> None:
    """Be lost as a rented box is: everything at once, nothing said."""
    kill_session(os.getsid(0), spare=os.getpid())
    os.kill(os.getpid(), signal.SIGKILL)


async def _liveness() -> None:
    """Return when standard input ends."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def readable() -> None:
        if not os.read(0, 4096) and not ended.done():
            ended.set_result(None)

    os.set_blocking(0, False)
    loop.add_reader(0, readable)
    await ended
    loop.remove_reader(0)


def _start_writer(writer_spec: str) -> subprocess.Popen[bytes]:
    command = python_command("engine.lab.writers", [writer_spec])
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, process_group=0)


async def run(spec: MachineSpec) -> None:
    """Serve and write until standard input ends; then end everything that was started here."""
    loop = asyncio.get_running_loop()
    acceptors = {node.node_id: await serve(node) for node in spec.nodes}
    writer = None if spec.writer_spec is None else _start_writer(spec.writer_spec)
    if spec.dies_after_seconds is not None:
        loop.call_later(spec.dies_after_seconds, _die)
    print(json.dumps({node_id: acceptor.get_port() for node_id, acceptor in acceptors.items()}), flush=True)
    await _liveness()
    for acceptor in acceptors.values():
        acceptor.close()
    kill_session(os.getsid(0), spare=os.getpid())
    if writer is not None:
        writer.wait()


def main() -> None:
    """Run the machine that the file named on the command line describes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-c is for the lab, which then ends our input
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup commands would ignore that their client is gone
    asyncio.run(run(MachineSpec.from_json(Path(sys.argv[1]).read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
