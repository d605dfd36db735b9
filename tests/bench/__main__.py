"""Run the benchmarks: all of them, or those named (the keys of SECTIONS)."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.bench import (
    archive,
    at_risk,
    console,
    delta,
    every_transport,
    fanout,
    games,
    scan,
    simulation,
    small_files,
    transfers,
    whole_engine,
)
from tests.bench.peers import not_installed
from tests.bench.report import Row, table, write

SECTIONS = {
    "transfers": transfers.run,
    "every": every_transport.run,
    "small": small_files.run,
    "delta": delta.run,
    "fanout": fanout.run,
    "games": games.run,
    "archive": archive.run,
    "scan": scan.run,
    "engine": whole_engine.run,
    "console": console.run,
    "simulation": simulation.run,
    "at_risk": at_risk.run,
}


def main() -> int:
    """Return 0; figures go to standard output and to .bench/results.json."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="default: all")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full sizes; 1.0 is what counts")
    options = parser.parse_args()
    rows: list[Row] = []
    for name in options.sections or SECTIONS:
        with tempfile.TemporaryDirectory(prefix="syncdeck-bench-", dir="/tmp") as folder:
            rows += asyncio.run(SECTIONS[name](Path(folder), options.runs, options.scale))
        print(table(rows), file=sys.stderr)
    print(table(rows))
    for name in not_installed():
        print(f"left out: {name} is not installed here")
    write(rows, Path(".bench/results.json"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
