"""What the incident tests share: rounds of the real program on a real fleet, and what it says afterwards."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.cluster import Cluster

Round = subprocess.CompletedProcess[str]


@dataclass
class Story:
    """A cluster that lived through some rounds, and the facts that the tests look at."""

    group: Cluster
    rounds: list[Round] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def round(self) -> Round:
        """Let the engine scan, plan and move once."""
        done = self.group.run("--no-ui", "--once")
        self.rounds.append(done)
        return done

    def copies(self, name: str, origin: Path) -> list[Path]:
        """Return the copies of a file elsewhere than at its origin."""
        return [path for path in self.group.copies_of(name) if path != origin]

    def entry(self, key: str) -> dict[str, Any]:
        """Return what the catalog holds of a key."""
        return next(entry for entry in self.group.json("catalog", "ls") if entry["key"] == key)

    def findings(self) -> list[dict[str, Any]]:
        """Return what needs the operator."""
        found: list[dict[str, Any]] = self.group.json("status")["findings"]
        return found
