"""Reading what rsync prints while it works: pure parsers, fed with whatever the pipe delivers."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PROGRESS = re.compile(rb"^\s*([\d,.]+)\s+(\d{1,3})%\s")
_STATISTIC = re.compile(rb"^(Total bytes sent|Total bytes received|Matched data):\s+([\d,.]+)")
_LONGEST_LINE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class RsyncStatistics:
    """The figures of --stats, in bytes; None where rsync did not print one."""

    sent: int | None = None
    received: int | None = None
    matched: int | None = None

    @property
    def on_wire(self) -> int | None:
        """Bytes in both directions."""
        return None if self.sent is None or self.received is None else self.sent + self.received


class OutputParser:
    """Takes rsync's standard output in pieces; knows the bytes done so far and, at the end, the statistics.

    The lines of ``--info=progress2`` (3.1 and newer) and of ``--progress`` (2.6.9) both begin with the bytes
    done and a percentage; they end with a carriage return while the file is under way.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._figures: dict[bytes, int] = {}
        self.bytes_done = 0

    def feed(self, piece: bytes) -> bool:
        """Take a piece of output; return whether ``bytes_done`` grew."""
        *lines, self._rest = re.split(rb"[\r\n]", self._rest + piece)
        self._rest = self._rest[-_LONGEST_LINE_BYTES:]
        before = self.bytes_done
        for line in lines:
            self._take(line)
        return self.bytes_done > before

    def statistics(self) -> RsyncStatistics:
        """Return what --stats told; call it after the last piece."""
        self._take(self._rest)
        self._rest = b""
        return RsyncStatistics(
            sent=self._figures.get(b"Total bytes sent"),
            received=self._figures.get(b"Total bytes received"),
            matched=self._figures.get(b"Matched data"),
        )

    def _take(self, line: bytes) -> None:
        progress = _PROGRESS.match(line)
        if progress is not None:
            self.bytes_done = max(self.bytes_done, _number(progress[1]))
            return
        statistic = _STATISTIC.match(line)
        if statistic is not None:
            self._figures[statistic[1]] = _number(statistic[2])


def _number(text: bytes) -> int:
    return int(re.sub(rb"[,.]", b"", text) or b"0")
