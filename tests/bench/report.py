"""What a benchmark came to: rows, medians, the table and the JSON file."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure, with a peer's in the same run where there is one. ``ratio`` above 1: ours is better."""

    name: str
    value: float
    unit: str
    peer: str | None
    peer_value: float | None
    ratio: float | None
    runs: int


def in_turn(contestants: Sequence[T], number: int) -> list[T]:
    """Return who runs in which order in the run of this number: each run begins with the next one.

    A processor slows down behind a contestant that needs all of it; so nobody always comes after the same one.
    """
    first = number % len(contestants)
    return [*contestants[first:], *contestants[:first]]


def faster(name: str, ours_seconds: Sequence[float], peer: str, peer_seconds: Sequence[float]) -> Row:
    """Return a row of two times; the ratio is the median of the ratios of runs made one after the other."""
    pairs = [theirs / mine for mine, theirs in zip(ours_seconds, peer_seconds, strict=True)]
    return Row(
        name,
        statistics.median(ours_seconds),
        "s",
        peer,
        statistics.median(peer_seconds),
        statistics.median(pairs),
        len(ours_seconds),
    )


def smaller(name: str, ours_bytes: Sequence[float], peer: str, peer_bytes: Sequence[float]) -> Row:
    """Return a row of two sizes, in MB; the ratio is the median of the ratios of runs made one after the other."""
    mine, theirs = [size / 1e6 for size in ours_bytes], [size / 1e6 for size in peer_bytes]
    return replace(faster(name, mine, peer, theirs), unit="MB")


def figure(name: str, values: Sequence[float], unit: str) -> Row:
    """Return a row without a peer: the median of the runs."""
    return Row(name, statistics.median(values), unit, None, None, None, len(values))


def table(rows: Sequence[Row]) -> str:
    """Return the rows as aligned text."""
    lines = [f"{'what':<58} {'ours':>11} {'unit':<7} {'peer':>11} {'ratio':>7}  peer is"]
    for row in rows:
        peer = f"{row.peer_value:11.3f}" if row.peer_value is not None else " " * 11
        ratio = f"{row.ratio:6.2f}x" if row.ratio is not None else " " * 7
        lines.append(f"{row.name:<58} {row.value:11.3f} {row.unit:<7} {peer} {ratio}  {row.peer or ''}")
    return "\n".join(lines)


def write(rows: Sequence[Row], path: Path) -> None:
    """Write the rows as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
