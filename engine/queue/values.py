"""What goes into the queue and comes out of it, beside ``Transfer`` and ``Attempt`` of ``engine/model.py``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from engine.codes import TransferCode
from engine.errors import ErrorClass
from engine.model import EntryKey, SyncPriority, Transfer, TransferState, Transport


@dataclass(frozen=True, slots=True)
class NewTransfer:
    """One entry that is wanted at one target. ``bytes_total`` 0 means "what the catalog says"."""

    key: EntryKey
    source: str
    target: str
    priority: SyncPriority
    reason: str
    rule: str = ""
    line: int | None = None
    transport_preference: tuple[Transport, ...] = ()
    deadline: float | None = None
    bytes_total: int = 0
    sha256: str | None = None
    emergency: bool = False
    may_fill: bool = False
    """Past max_disk_usage_percent, down to the floor: an operator said so."""


@dataclass(frozen=True, slots=True)
class RefusedTransfer:
    """A transfer that is wanted and cannot be until a person acts: its ``reason`` says why, ``remedy`` what to do."""

    wanted: NewTransfer
    remedy: str
    code: TransferCode | None = None


class TransferFields(TypedDict, total=False):
    """What may be set together with an edge. A ``code`` stands until the next edge."""

    source: str
    bytes_total: int
    bytes_done: int
    bytes_on_wire: int
    bytes_per_second: float | None
    transport: Transport | None
    error_class: ErrorClass | None
    hint: str | None
    not_before: float | None
    sha256: str | None
    temp_path: str | None
    final_path: str | None
    code: TransferCode | None


@dataclass(frozen=True, slots=True)
class NewEdge:
    """One edge of many that are taken in one transaction."""

    transfer_id: int
    state: TransferState
    reason: str
    evidence: str = ""
    fields: TransferFields = field(default_factory=TransferFields)


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which transfers may be claimed together with the most urgent one, so that they travel as one batch.

    They share source, target, priority and transports, their sizes are known and at most ``largest_bytes``, and none
    is a database at the place where it is written. ``sizes`` overrules files and bytes for single links (source and
    target location). ``alone`` are ids that go singly all the same. ``running`` says how many batches each node has a
    part in now. ``unbatched`` are transport preferences, as text, that no batch serves.
    """

    most_files: int
    most_bytes: int
    largest_bytes: int
    sizes: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    alone: Collection[int] = ()
    running: Mapping[str, int] = field(default_factory=dict)
    batches_per_node: int = 2
    unbatched: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """One step of a transfer's history."""

    at: float
    from_state: TransferState | None
    to_state: TransferState
    reason: str
    evidence: str
    run_id: str | None


@dataclass(frozen=True, slots=True)
class Narrow:
    """Where less may be claimed than a node allows. Links are (source node, target node).

    ``limits`` says how many may run on a link, ``running`` how many do; of each node in ``probing`` only the smallest
    transfer is claimed, and only while none runs: it tells whether the node is well again. ``fanned`` says how many
    of each fan run (see ``engine/queue/fans.py``).
    """

    limits: Mapping[tuple[str, str], int] = field(default_factory=dict)
    running: Mapping[tuple[str, str], int] = field(default_factory=dict)
    probing: Collection[str] = ()
    fanned: Mapping[tuple[str, EntryKey], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What taking over after another run found: ``requeued`` were put back, ``intents`` may be half published.

    An intent still has its temp_path, final_path and sha256; it is PUBLISHING and leased to the new run.
    """

    requeued: int
    intents: tuple[Transfer, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of transfers since a moment; ``blocked`` are those that are blocked now."""

    done: int
    failed: int
    blocked: int
