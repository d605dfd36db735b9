"""Where log records go: stderr for an engine alone, a rotating file where a console owns the terminal."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from engine.redaction import redact

LOG_FILE_BYTES = 5 * 1024 * 1024
LOG_FILES_KEPT = 3

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class TextFormatter(logging.Formatter):
    """One line per record, times in UTC; tracebacks follow."""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text, without credentials."""
        return redact(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object per record, with the fields that its ``extra`` gave."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON, without credentials."""
        members: dict[str, object] = {
            "at": record.created,
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
            "pid": record.process,
        }
        for name, value in vars(record).items():
            if name not in _STANDARD_FIELDS:
                members[name] = redact(value) if isinstance(value, str) else value
        if record.exc_info:
            members["traceback"] = redact(self.formatException(record.exc_info))
        return json.dumps(members, default=str)


def log_to_stderr(as_json: bool, level: int = logging.INFO) -> None:
    """Send every record to stderr; for an engine that a service manager or a person watches."""
    _install(logging.StreamHandler(sys.stderr), as_json, level)


def log_to_file(state_dir: Path, as_json: bool, level: int = logging.INFO) -> Path:
    """Send every record to a rotating file in the state directory (owner only); return the file."""
    path = state_dir / "console.log"
    handler = _OwnersFile(path, maxBytes=LOG_FILE_BYTES, backupCount=LOG_FILES_KEPT, encoding="utf-8")
    _install(handler, as_json, level)
    return path


def log_nowhere() -> None:
    """Let go of where records went; what still comes is dropped. For the end of a state directory that is temporary."""
    _install(logging.NullHandler(), False, logging.CRITICAL)


def log_command(state_dir: Path) -> None:
    """Send warnings and worse of a short command to a file in the state directory, made when the first one comes.

    A file of its own: two processes that rotate the same one would lose records.
    """
    handler = _OptionalFile(
        state_dir / "commands.log", maxBytes=LOG_FILE_BYTES, backupCount=1, encoding="utf-8", delay=True
    )
    _install(handler, False, logging.WARNING)


class _OwnersFile(RotatingFileHandler):
    """A file that only its owner may read, after each rotation as well."""

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return os.fdopen(descriptor, "a", encoding=self.encoding)


class _OptionalFile(_OwnersFile):
    """A file that need not be writable: a command's answer does not depend on its log."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop a record that cannot be written."""


def _install(handler: logging.Handler, as_json: bool, level: int) -> None:
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(level)
    # Its INFO is one line per connection and per channel: noise at the scale of a fleet.
    logging.getLogger("asyncssh").setLevel(max(level, logging.WARNING))
