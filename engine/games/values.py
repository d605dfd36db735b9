"""The values of this room: what a database was counted to, what contents there are, and what follows from both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.model import FileStat

LIVE = "live@"
"""The name of a content without a hash (a database as it is written just now) begins so; its location follows."""


@dataclass(frozen=True, slots=True, order=True)
class ContentName:
    """One content of one entry: the SHA-256 of its version, or ``live@`` and the location of a file being written."""

    key: str
    content: str

    @property
    def live(self) -> bool:
        """Whether it names what a file holds now rather than a content that stays."""
        return self.content.startswith(LIVE)


@dataclass(frozen=True, slots=True)
class CountedSet:
    """What one content was counted to. ``not_games``: why it holds none that could be counted, or "".

    ``unique`` is the number of hashes in its file; ``stat`` what the file that was read looked like; ``path`` the set's
    own file.
    """

    name: ContentName
    complete: int
    incomplete: int
    orphan_moves: int
    unique: int
    counted_at: float
    stat: FileStat
    not_games: str
    path: str


@dataclass(frozen=True, slots=True)
class Copy:
    """A file that holds a content: where it can be read, and what it looks like while it holds just that."""

    location: str
    path: str
    stat: FileStat


@dataclass(frozen=True, slots=True)
class Content:
    """A content and its copies as the catalog has them.

    ``current``: it is its entry's current version. ``held`` are the nodes with a copy of any worth, ``saved`` those
    with a verified copy of the current version at a durable place. ``readable`` are the copies it can be counted from.
    """

    name: ContentName
    entry_id: int
    current: bool
    canonical: bool
    size_bytes: int
    held: frozenset[str]
    saved: frozenset[str]
    readable: tuple[Copy, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the games of one set are.

    Where an entry's newest content is not counted yet, its last set stands for it: ``held`` and ``saved`` say so. Only
    ``current`` and ``proven`` (the nodes that ``Content.saved`` names) are about just this set's own content; what is
    said of deleting rests on these alone.
    """

    key: str
    canonical: bool
    current: bool
    proven: frozenset[str]
    held: frozenset[str]
    saved: frozenset[str]


@dataclass(frozen=True, slots=True)
class Standing:
    """What follows for the whole fleet, each game counted once.

    By key: how many games of the current version other databases have saved. By node: all complete games it holds, and
    those that would be lost with it. ``orphans``: games in no canonical database.
    """

    elsewhere: Mapping[str, int] = field(default_factory=dict)
    canonical: Mapping[str, int] = field(default_factory=dict)
    """By key: how many of its games are in other databases that are canonical, saved like the others."""
    union: Mapping[str, int] = field(default_factory=dict)
    at_risk: Mapping[str, int] = field(default_factory=dict)
    orphans: int = 0
