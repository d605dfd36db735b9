"""Three texts into one, by lines: what one side changed and the other did not is kept from each. Pure."""

from __future__ import annotations

from difflib import SequenceMatcher

from config.editing.rules import Overlap


def merge_texts(base: str, theirs: str, ours: str) -> str:
    """Return ``theirs`` with what changed from ``base`` to ``ours``; raises Overlap where both changed a place."""
    lines = base.splitlines(keepends=True), theirs.splitlines(keepends=True), ours.splitlines(keepends=True)
    their_blocks, our_blocks = _changes(lines[0], lines[1]), _changes(lines[0], lines[2])
    for start, end, new in our_blocks:
        for begin, stop, other in their_blocks:
            touching = begin <= end and start <= stop
            if touching and (start, end, new) != (begin, stop, other):
                raise Overlap("".join(other), "".join(new))
    changes = sorted({*map(_hashable, their_blocks), *map(_hashable, our_blocks)}, reverse=True)
    merged = list(lines[0])
    for start, end, lines_instead in changes:
        merged[start:end] = lines_instead
    return "".join(merged)


Change = tuple[int, int, list[str]]


def _changes(old: list[str], new: list[str]) -> list[Change]:
    """Return what differs, as (first line, line behind the last, what is there instead)."""
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [(i1, i2, new[j1:j2]) for tag, i1, i2, j1, j2 in blocks if tag != "equal"]


def _hashable(change: Change) -> tuple[int, int, tuple[str, ...]]:
    return change[0], change[1], tuple(change[2])
