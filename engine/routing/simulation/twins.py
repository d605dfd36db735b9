"""Entries of one content under several names: to one location the planner sends it once at a time. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence

_PAUSE_EVERY = 2_000
_BUCKETS = 512
"""So that what is looked at in one step stays small at a million entries."""


def twins_among(contents: Sequence[int], pause: Callable[[], None]) -> bytes:
    """Return what is 1 where a content is that is elsewhere too, else 0; empty when all differ.

    ``contents`` are numbers that tell contents apart, 0 is none.
    """
    buckets = [array("q") for _ in range(_BUCKETS)]
    add = [bucket.append for bucket in buckets]
    for start in range(0, len(contents), _PAUSE_EVERY):
        pause()
        for content in contents[start : start + _PAUSE_EVERY]:
            if content:
                add[content % _BUCKETS](content)
    again: set[int] = set()
    for bucket in buckets:
        pause()
        if len(set(bucket)) < len(bucket):
            again.update(_repeated(bucket))
    if not again:
        return b""
    found = bytearray(len(contents))
    for start in range(0, len(contents), _PAUSE_EVERY):
        pause()
        for row_id, content in enumerate(contents[start : start + _PAUSE_EVERY], start):
            found[row_id] = content in again
    return bytes(found)


def _repeated(numbers: Iterable[int]) -> Iterable[int]:
    seen: set[int] = set()
    for number in numbers:
        if number in seen:
            yield number
        seen.add(number)
