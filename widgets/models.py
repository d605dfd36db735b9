"""What the widgets draw: small frozen values, already worded, sorted and judged by whoever fills them in."""

from __future__ import annotations

from dataclasses import dataclass

from widgets.text import Tone

GLYPHS: dict[Tone, str] = {Tone.GOOD: "✓", Tone.WARN: "!", Tone.BAD: "✗"}
"""The glyph that says the same as the colour."""


@dataclass(frozen=True, slots=True)
class Badge:
    """A short word in a tone."""

    text: str
    tone: Tone = Tone.TEXT


@dataclass(frozen=True, slots=True)
class StatusModel:
    """The status line: who, how many, how old, how bad; ``notice`` fills a second line when there is one."""

    node: str = ""
    facts: tuple[Badge, ...] = ()
    age: Badge = Badge("starting", Tone.MUTED)
    flags: tuple[Badge, ...] = ()
    counts: tuple[Badge, ...] = ()
    notice: Badge | None = None


@dataclass(frozen=True, slots=True)
class FindingRow:
    """Something that needs the operator, with the key that mends it."""

    key: str
    tone: Tone
    glyph: str
    text: str
    action_key: str = ""
    action: str = ""
    action_id: str = ""


@dataclass(frozen=True, slots=True)
class FindingsModel:
    """All findings, worst first; ``calm`` is what to say when there are none, ``note`` stands in the border when
    there are."""

    rows: tuple[FindingRow, ...] = ()
    calm: Badge = Badge("", Tone.MUTED)
    worst: Tone = Tone.MUTED
    note: str = ""


@dataclass(frozen=True, slots=True)
class StorageRow:
    """One file system. ``percent`` is None when it is not known; then ``state`` says why."""

    key: str
    name: str
    role: Badge
    used: str
    percent: float | None
    target: float
    maximum: float
    tone: Tone
    state: str = ""
    full_in: Badge | None = None
    trend: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class StorageModel:
    """The file systems, fullest first; ``counts`` are the nodes that have no row of their own, ``over`` is how many
    rows are over their target."""

    rows: tuple[StorageRow, ...] = ()
    counts: tuple[Badge, ...] = ()
    calm_below: str = ""
    over: int = 0
    empty: str = "No disk has been measured yet."


@dataclass(frozen=True, slots=True)
class FreshnessRow:
    """One config key: ages by data type, copies, off-site copy, bytes at risk and lagging trainers."""

    key: str
    name: str
    tone: Tone
    games: Badge
    npz: Badge
    model: Badge
    copies: Badge
    off_site: Badge
    trainers: Badge
    risk: Badge


@dataclass(frozen=True, slots=True)
class FreshnessModel:
    """The config keys, worst first; ``fresh`` of them are without fault."""

    rows: tuple[FreshnessRow, ...] = ()
    fresh: int = 0
    empty: str = "No training data has been seen yet."


@dataclass(frozen=True, slots=True)
class TransferRow:
    """One running transfer."""

    key: str
    name: str
    source: str
    target: str
    transport: str
    percent: float | None
    tone: Tone
    rate: str
    left: str
    state: Badge


@dataclass(frozen=True, slots=True)
class TransfersModel:
    """What runs, and what waits and why."""

    rows: tuple[TransferRow, ...] = ()
    waiting: tuple[Badge, ...] = ()
    title: str = ""
    rate: str = ""
    empty: str = "Nothing is moving."


@dataclass(frozen=True, slots=True)
class ThroughputModel:
    """The last hour in one line."""

    trend: tuple[float, ...] = ()
    facts: tuple[Badge, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyHint:
    """A key, what it does, and the action that a click on it runs."""

    key: str
    label: str
    action: str
    active: bool = False
