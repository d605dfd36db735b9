"""What commands write: data to stdout, everything else to stderr. A reader that went away is no error."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import AsyncIterable, Iterable, Sequence
from typing import Any, TextIO

from app.cli.human import clean
from app.cli.table import Column, render


def prepare_streams() -> None:
    """Let stdout and stderr print any file name: what their encoding lacks shows as an escape."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def line(words: str = "") -> None:
    """Write one line of data, as it is."""
    _write(sys.stdout, words + "\n")


def text(words: str) -> None:
    """Write one line for people: what came from a node or a file cannot drive the terminal."""
    line(clean(words))


def note(words: str) -> None:
    """Write one line that is not data."""
    _write(sys.stderr, clean(words) + "\n")


def passing(words: str = "") -> None:
    """Show what is going on, on stderr where that is a terminal, until the next call; "" takes it away."""
    if sys.stderr.isatty():
        _write(sys.stderr, "\r\x1b[K" + clean(words)[: shutil.get_terminal_size().columns - 1])


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Write a table; cut to the terminal's width if stdout is one, else whole."""
    for words in render(columns, rows, terminal_width()):
        line(words)


def json_value(value: Any) -> None:
    """Write one JSON value, indented."""
    line(json.dumps(value, indent=2, allow_nan=False))


async def json_array(items: AsyncIterable[Any]) -> None:
    """Write a JSON array item by item as they come: a million entries need no memory."""
    opened = False
    async for item in items:
        _write(sys.stdout, (",\n" if opened else "[\n") + json.dumps(item, allow_nan=False))
        opened = True
    line("\n]" if opened else "[]")


def terminal_width() -> int | None:
    """Return the width of the terminal that stdout is, or None when it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # Onto nothing, so that neither the next line nor the interpreter's exit complains again; the command goes
        # on to its end, because its exit code is an answer too.
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
