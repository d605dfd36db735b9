"""What an operator is shown of routing rules. Plain values, as in ``engine/views.py``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule in the order of deciding. ``origin``: file, rules_file or built-in; ``vanished``: saved from here, and
    gone from the file since. ``yaml`` is its text as it stands in the file ("" for built-in ones)."""

    name: str
    origin: str
    line: int | None
    match: str
    place: str
    priority: str
    deadline_seconds: float | None
    via: tuple[str, ...]
    entries: int
    bytes: int
    yaml: str
    vanished: bool = False


@dataclass(frozen=True, slots=True)
class RuleNote:
    """Something about a rule's text or the file: where it is, what is wrong, what to do. Severity as in lint."""

    severity: str
    line: int
    column: int
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class FixView:
    """A lint finding that can be mended by an edit of the file: what would change, as a unified diff.

    ``others`` are the messages of the findings that the same edit mends at other lines.
    """

    id: str
    severity: str
    lines: tuple[int, ...]
    message: str
    description: str
    diff: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RulesView:
    """All rules and what lint says. ``digest`` names the text that edits are made against. ``undo`` says what
    ``undo_rules`` would take back (None: nothing)."""

    at: float
    file: str
    digest: str
    rules: tuple[RuleRow, ...]
    notes: tuple[RuleNote, ...]
    fixes: tuple[FixView, ...]
    undo: str | None


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """An edit: put ``yaml`` (one rule, a mapping) in place of the rule named ``replaces``, or as a new one before
    position ``position`` (None: last of the file's). ``yaml`` "" removes it. ``fix_id`` instead applies a lint fix."""

    yaml: str = ""
    replaces: str | None = None
    position: int | None = None
    fix_id: str | None = None


@dataclass(frozen=True, slots=True)
class NodeEffect:
    """What a draft changes at one location; percentages are of the file system, None where it is not known."""

    location: str
    added_files: int
    added_bytes: int
    surplus_files: int
    surplus_bytes: int
    """Copies that no rule wants there any more; nothing deletes them by itself."""
    used_percent_before: float | None
    used_percent_after: float | None


@dataclass(frozen=True, slots=True)
class Unplaced:
    """Copies that a draft wants and cannot place, by reason."""

    reason: str
    copies: int
    bytes: int
    example: str


@dataclass(frozen=True, slots=True)
class SimulationView:
    """A draft tried on the real catalog by the real planner."""

    entries: int
    seconds: float
    files_to_move: int
    bytes_to_move: int
    nodes: tuple[NodeEffect, ...]
    unplaced: tuple[Unplaced, ...]


@dataclass(frozen=True, slots=True)
class TrialView:
    """A draft that is still being tried: what it comes to ``so_far``, of ``done`` entries. It counts copies that their
    disks may turn out to have no room for."""

    done: int
    so_far: SimulationView


@dataclass(frozen=True, slots=True)
class DraftCheck:
    """What a draft would mean. ``simulation`` is None while ``notes`` hold an error. Lines are those of the draft."""

    notes: tuple[RuleNote, ...]
    diff: str
    simulation: SimulationView | None


@dataclass(frozen=True, slots=True)
class SaveResult:
    """``outcome``: saved, merged (the file had changed meanwhile, elsewhere), conflict (``theirs`` and ``ours`` show
    both versions of the place) or refused. ``message`` says it in one sentence."""

    outcome: str
    message: str
    theirs: str = ""
    ours: str = ""


@dataclass(frozen=True, slots=True)
class ExplainView:
    """Why an entry is, or is not, to be at a node: the verdict, then every line that had a say, in order."""

    key: str
    node: str
    wanted: bool
    held: bool
    verdict: str
    because: tuple[tuple[str, int | None], ...]
    """(what was decided, line of the file or None)"""
    in_the_way: tuple[str, ...]
    remedy: str
