"""What findings are made of: the views of one moment, and what the engine knows of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from config.errors import ConfigError
from config.types import LintFinding, Policy
from engine.errors import SyncdeckError
from engine.integrity.leftovers import Leftovers
from engine.model import Refusal, ReplicaState, StorageSample, Transfer
from engine.views import FreshnessView, NodeView, StorageView


@dataclass(frozen=True, slots=True)
class HealthInputs:
    """Everything that a finding may be about. ``parts_down`` is the cause by name of the part.

    ``blocked`` are blocked transfers, ``refused`` what planning refused, ``old_daemons`` command names by node,
    ``leftovers`` temporary files of other engines, ``unreadable`` folders by location that no scan could look at,
    ``doubtful`` how many copies of a location are diverged or bad, ``waiting_for_go`` how many transfers an observing
    engine would have queued.
    """

    policy: Policy
    now: float
    nodes: Sequence[NodeView] = ()
    storage: Sequence[StorageView] = ()
    freshness: Sequence[FreshnessView] = ()
    samples: Mapping[str, Sequence[StorageSample]] = field(default_factory=dict)
    blocked: Sequence[Transfer] = ()
    refused: Sequence[Refusal] = ()
    unreadable: Mapping[str, Sequence[str]] = field(default_factory=dict)
    leftovers: Sequence[Leftovers] = ()
    doubtful: Sequence[tuple[str, ReplicaState, int]] = ()
    old_daemons: Mapping[str, Sequence[str]] = field(default_factory=dict)
    lint: Sequence[LintFinding] = ()
    config_refused: ConfigError | None = None
    rules_vanished: Sequence[tuple[str, str]] = ()
    """(name, file) of rules that were saved from here and are in their file no more."""
    failed_archives: Sequence[tuple[int, str, str]] = ()
    """Archives found damaged, of which no good one took the place: (number, key, what is wrong)."""
    archiving_failed: SyncdeckError | None = None
    """Why the last automatic archive round ended early."""
    telling_failed: str | None = None
    """Why the operator's own command for findings failed when it ran last."""
    kept: Sequence[tuple[str, str]] = ()
    """(key, path) of what lately stayed of databases and logs that began anew without it."""
    parts_down: Mapping[str, str] = field(default_factory=dict)
    observing: bool = False
    waiting_for_go: int = 0
