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
from engine.errors import ErrorClass, SyncdeckError


def prepare_streams() -> None:
    """Let stdout and stderr print any file name: what their encoding lacks shows as an escape.

    A standard stream that the caller closed is opened onto nothing: else the next file to be opened, a database
    perhaps, would have its number, and a child's messages would be written into it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def line(words: str = "") -> None:
    """Write one line of data, as it is. Raises SyncdeckError where it cannot be written."""
    _data(words + "\n")


def text(words: str) -> None:
    """Write one line for people: what came from a node or a file cannot drive the terminal."""
    line(clean(words))


def note(words: str) -> None:
    """Write one line that is not data."""
    _write(sys.stderr, clean(words) + "\n")


def passing(words: str = "") -> None:
    """Show what is going on, on stderr where that is a terminal, until the next call; "" takes it away."""
    if sys.stderr is not None and sys.stderr.isatty():
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
        _data((",\n" if opened else "[\n") + json.dumps(item, allow_nan=False))
        opened = True
    line("\n]" if opened else "[]")


def terminal_width() -> int | None:
    """Return the width of the terminal that stdout is, or None when it is none."""
    return shutil.get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else None


def _data(text: str) -> None:
    if sys.stdout is None:
        raise _unwritable("it is closed")
    _write(sys.stdout, text)


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # closed by the caller
        return
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # The command goes on to its end, because its exit code is an answer too.
        _onto_nothing(stream)
    except OSError as error:
        _onto_nothing(stream)
        if stream is sys.stdout:
            raise _unwritable(error.strerror or str(error)) from error


def _onto_nothing(stream: TextIO) -> None:
    """Point a stream at nothing, so that neither the next line nor the interpreter's exit complains again."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)


def _unwritable(cause: str) -> SyncdeckError:
    remedy = "send it to a terminal, a pipe or a file on a disk with room"
    return SyncdeckError("write the answer to", "stdout", cause, remedy, ErrorClass.CONFIG)
