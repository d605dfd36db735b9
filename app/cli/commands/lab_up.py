"""``syncdeck lab up``: a fleet on this machine until Ctrl-C, for trying commands on."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.cli import output
from app.cli.exit_codes import ExitCode
from app.cli.stopping import StopSignals

COMMANDS_TO_TRY = ("", "--no-ui --once", "status", "plan", "catalog ls", "nodes test", "config lint {config}")


def lab_up(
    folder: Annotated[Path, typer.Option("--dir", metavar="DIR", help="A new folder, or one of an earlier lab.")],
    nodes: Annotated[int | None, typer.Option("--nodes", min=6, metavar="N", help="How many nodes.")] = None,
) -> int:
    """Run a lab fleet over SSH on loopback until Ctrl-C, and print commands to try on it."""
    from engine.lab.fleet import Lab

    lab = Lab.create(folder, nodes) if nodes is not None else Lab.create(folder)
    with lab:
        output.note(f"{len(lab.nodes)} nodes run; Ctrl-C ends them")
        program = _program()
        options = f"--config {shlex.quote(str(lab.config_path))} --state {shlex.quote(str(lab.state_dir))}"
        for words in COMMANDS_TO_TRY:
            command = words.format(config=shlex.quote(str(lab.config_path)))
            output.line(f"{program} {options} {command}".rstrip())
        asyncio.run(_until_stopped())
    return ExitCode.DONE


def _program() -> str:
    """Return what starts this program in another shell: its name where that finds it, else where it lies."""
    called = os.path.abspath(sys.argv[0])
    found = shutil.which(os.path.basename(called))
    if found is not None and os.path.samefile(found, called):
        return os.path.basename(called)
    return shlex.join([called] if os.access(called, os.X_OK) else [sys.executable, called])


async def _until_stopped() -> None:
    with StopSignals() as stop:
        await stop.wait()
