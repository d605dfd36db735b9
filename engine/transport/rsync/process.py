"""One run of rsync: under a supervisor, its output read as it comes, ended when cancelled."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.remote.guard import GuardedProcess, guarded_exec
from engine.transport.rsync.progress import OutputParser, RsyncStatistics

READ_BYTES = 16 * 1024
KEPT_STDERR_BYTES = 64 * 1024
"""What is kept of an error output: rsync repeats itself for every file, and we send one."""


@dataclass(frozen=True, slots=True)
class RsyncEnd:
    """How a run ended: its status, what it complained of, its statistics, and the bytes done it last told."""

    status: int
    stderr: str
    statistics: RsyncStatistics
    bytes_done: int


async def run_rsync(argv: Sequence[str], on_bytes: Callable[[int], None], pass_fds: Sequence[int] = ()) -> RsyncEnd:
    """Run rsync to its end; ``on_bytes`` hears of the bytes done. Cancelling ends all its processes first."""
    process = await guarded_exec(argv, _environment(), pass_fds)
    parser = OutputParser()
    try:
        _, stderr = await asyncio.gather(_read_output(process, parser, on_bytes), _read_errors(process))
        status = await process.wait()
    except BaseException:
        await process.kill()
        raise
    return RsyncEnd(status, stderr, parser.statistics(), parser.bytes_done)


async def _read_output(process: GuardedProcess, parser: OutputParser, on_bytes: Callable[[int], None]) -> None:
    while piece := await process.stdout.read(READ_BYTES):
        if parser.feed(piece):
            on_bytes(parser.bytes_done)


async def _read_errors(process: GuardedProcess) -> str:
    kept = b""
    while piece := await process.stderr.read(READ_BYTES):
        kept = (kept + piece)[:KEPT_STDERR_BYTES]
    return kept.decode("utf-8", "replace")


def _environment() -> dict[str, str]:
    """Ours, in the language that the parsers know, without settings that change what rsync does."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("RSYNC_")}
    return {**ours, "LC_ALL": "C"}
