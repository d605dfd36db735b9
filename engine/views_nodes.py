"""What an operator is shown of a node that may go: what would be lost, and how it is saved. Plain values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AtRiskRow:
    """What would be lost if a node died now: content with no durable verified copy elsewhere.

    ``games`` is the number of complete games found nowhere else, None where they are not counted yet.
    ``dead_since``: it is gone already, and this is what it took; what it held was confirmed until ``confirmed_until``.
    """

    node: str
    at: float
    entries: int
    games: int | None
    bytes: int
    dead_since: float | None = None
    confirmed_until: float | None = None


@dataclass(frozen=True, slots=True)
class AtRiskEntry:
    """One entry of that: its size, and how much of it is nowhere else."""

    key: str
    node: str
    size_bytes: int
    at_risk_bytes: int
    games: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class AtRiskPage:
    """A window onto what a node alone holds, smallest first: the order in which an emergency saves it."""

    at: float
    node: str
    total: int
    offset: int
    rows: tuple[AtRiskEntry, ...]


@dataclass(frozen=True, slots=True)
class HoldingRow:
    """What a node holds of one data type."""

    data_type: str
    entries: int
    bytes: int


@dataclass(frozen=True, slots=True)
class RescueView:
    """An emergency or a drain as a whole. ``state``: running, done, stuck; ``kind``: emergency, drain.

    ``unsaved``: (key, why) of what could not be moved, at most a hundred; ``unsaved_total`` counts all.
    """

    kind: str
    nodes: tuple[str, ...]
    state: str
    started_at: float
    finished_at: float | None
    files_total: int
    files_done: int
    bytes_total: int
    bytes_done: int
    seconds_left: float | None
    unsaved: tuple[tuple[str, str], ...]
    unsaved_total: int
    sentence: str
    """What an operator needs to know: "safe to switch off", or what is missing."""
    cancelled: bool = False
    """Whether an operator took a drain back; its ``state`` is done then, and the node is safe for nothing."""


@dataclass(frozen=True, slots=True)
class NodeDetail:
    """One node in full, beside its row in the status."""

    node: str
    reachability: str
    addresses: tuple[str, ...]
    holds: tuple[HoldingRow, ...]
    at_risk: AtRiskRow
    draining: bool
    rescue: RescueView | None
