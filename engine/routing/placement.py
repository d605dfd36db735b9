"""What routing decides for one entry: where it belongs, by which rule and line, and how many copies count."""

from __future__ import annotations

from dataclasses import dataclass

from config.types import RuleSpec


@dataclass(frozen=True, slots=True)
class Slot:
    """One location and one entry. ``because`` is for people; ``line`` is that of the configuration that decides.

    ``held``: the current content is there (or the only content there is, when it was never hashed).
    """

    location: str
    wanted: bool
    held: bool
    because: str
    line: int | None


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an entry belongs. ``rule`` is empty and nothing is wanted when no rule matches it.

    ``copies_wanted`` and ``copies_counted`` are about durable copies; ``counting`` are the locations of the latter.
    """

    rule: str
    line: int | None
    spec: RuleSpec | None
    slots: tuple[Slot, ...]
    copies_wanted: int
    counting: frozenset[str]

    @property
    def copies_counted(self) -> int:
        """How many durable copies there are."""
        return len(self.counting)

    @property
    def shortage(self) -> int:
        """How many durable copies are missing."""
        return max(self.copies_wanted - self.copies_counted, 0)

    @property
    def wanted(self) -> tuple[Slot, ...]:
        """The locations that are to hold the entry."""
        return tuple(slot for slot in self.slots if slot.wanted)

    @property
    def missing(self) -> tuple[Slot, ...]:
        """The locations that are to hold the entry and do not."""
        return tuple(slot for slot in self.slots if slot.wanted and not slot.held)
