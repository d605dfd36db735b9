"""What a machine's rsync can do, told from the first line of ``rsync --version``.

The versions are those of rsync's NEWS file: -s 3.0.0, --info and --outbuf 3.1.0, --checksum-choice=none 3.2.0,
--mkpath 3.2.3, --fsync 3.2.4. macOS ships either 2.6.9 or openrsync, which says "2.6.9 compatible" but
refuses options that 2.6.9 has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_VERSION = re.compile(r"^rsync\s+version\s+v?(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True)
class RsyncFeatures:
    """One rsync: its version, and whether it is openrsync (then ``version`` is the one it claims to match)."""

    version: tuple[int, int, int]
    openrsync: bool = False

    def at_least(self, major: int, minor: int, patch: int = 0) -> bool:
        """Return whether this is the real rsync of this version or newer."""
        return not self.openrsync and self.version >= (major, minor, patch)

    @property
    def writes_in_place(self) -> bool:
        """Whether it can write straight to our temporary name (--inplace, 2.6.3)."""
        return self.at_least(2, 6, 3)

    @property
    def protects_arguments(self) -> bool:
        """Whether paths travel outside the remote shell's command line (-s)."""
        return self.at_least(3, 0)

    @property
    def info_flags(self) -> bool:
        """Whether it knows --info, --outbuf and --no-human-readable."""
        return self.at_least(3, 1)

    @property
    def checksum_none(self) -> bool:
        """Whether its own whole-file checksum can be left out."""
        return self.at_least(3, 2)

    @property
    def makes_parents(self) -> bool:
        """Whether it makes missing parent folders (--mkpath)."""
        return self.at_least(3, 2, 3)

    @property
    def escapes_arguments(self) -> bool:
        """Whether it quotes remote paths for the remote shell by itself when -s is not given (3.2.4)."""
        return self.at_least(3, 2, 4)

    @property
    def fsync(self) -> bool:
        """Whether it can fsync what it wrote (--fsync)."""
        return self.at_least(3, 2, 4)


def parse_version(first_line: str | None) -> RsyncFeatures | None:
    """Return what the first line of ``rsync --version`` tells, or None when it names no rsync."""
    if not first_line:
        return None
    if first_line.startswith("openrsync"):
        return RsyncFeatures((2, 6, 9), openrsync=True)
    found = _VERSION.match(first_line.strip())
    if found is None:
        return None
    return RsyncFeatures((int(found[1]), int(found[2]), int(found[3] or 0)))
