"""The sender of live databases; apart from the other one, so that only who needs it is sent it."""

from __future__ import annotations

import sys

from engine.remote.agent import sending
from engine.remote.agent.frames import read_frame
from engine.remote.agent.live_reading import LiveFile


def main(source: bytes) -> None:
    """Be a sender of a live database: the job comes first on stdin, then orders."""
    job = read_frame(0)
    if job is None:
        sys.exit(97)
    reporter = sending.Reporter()
    sending.run(job, lambda: read_frame(0), sending.Wire(job, reporter), reporter, LiveFile)
