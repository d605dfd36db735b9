"""Choices follow weighted rendezvous hashing, written out here as the papers have it."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Hashable

from hypothesis import given
from hypothesis import strategies as st

from engine.routing.choosing import Choice, Option, choose


def hashed(text: str) -> int:
    return int(hashlib.blake2b(text.encode(), digest_size=8).hexdigest(), 16)


def splitmix64(state: int) -> int:
    """Return the output for a state, as its authors' reference has it."""
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) % 2**64
    return state ^ (state >> 31)


def written_out(options: list[Option], count: int, key: str, providers: set[str]) -> list[str]:
    """Return what is chosen, one score after the other: -w/ln(u) with the free space's power of two as the weight."""
    chosen: list[Option] = []

    def rank(option: Option) -> tuple[bool, bool, bool, bool, bool, float]:
        seen = providers | {other.provider for other in chosen}
        uniform = ((splitmix64(hashed(key) ^ hashed(option.location)) >> 12) + 0.5) / 2.0**52
        free = 10**9 if option.free_bytes is None else max(option.free_bytes, 1)
        score = -(2.0 ** math.floor(math.log2(free))) / math.log(uniform)
        return (not option.settled, not option.usable, not option.known, option.provider in seen, not option.priority,
                -score)  # fmt: skip

    while len(chosen) < min(count, len(options)):
        chosen.append(min((option for option in options if option not in chosen), key=rank))
    return [option.location for option in chosen]


OPTIONS = st.lists(
    st.builds(
        Option,
        st.sampled_from([f"node-{number}" for number in range(12)]),
        st.sampled_from(["vast", "hetzner", "lambda"]),
        st.booleans(),
        st.booleans(),
        st.sampled_from([None, 0, 1, 3 * 10**8, 10**9, 7 * 10**11]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=12,
    unique_by=lambda option: option.location,
)
KEYS = st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=5)
PROVIDERS = st.sets(st.sampled_from(["vast", "hetzner"]))


@given(OPTIONS, st.integers(0, 13), KEYS, PROVIDERS)
def test_a_choice_is_what_the_scores_say(options: list[Option], count: int, keys: list[str], seen: set[str]) -> None:
    choice = Choice(options, count, seen)
    for key in keys:
        expected = written_out(options, count, key, seen)
        assert choose(options, count, key, seen) == expected
        assert choice.made_for(key) == expected


def told(choice: Choice) -> Hashable:
    """Return what tells the options of a choice apart, wherever they are asked about."""
    return choice.field.told(choice.options)


@given(OPTIONS, st.integers(0, 5), KEYS, PROVIDERS)
def test_a_choice_changes_with_what_it_depends_on_alone(
    options: list[Option], count: int, keys: list[str], seen: set[str]
) -> None:
    """Some bytes more or less of free space are the same power of two, and the same choice."""
    rounded = [
        dataclasses.replace(o, free_bytes=2 ** (max(o.free_bytes, 1).bit_length() - 1) if o.free_bytes else None)
        for o in options
        if o.free_bytes != 0
    ]
    exact = [option for option in options if option.free_bytes != 0]
    one, other = Choice(exact, count, seen), Choice(rounded, count, seen)
    assert told(one) == told(other)
    assert [one.made_for(key) for key in keys] == [other.made_for(key) for key in keys]
    fuller = [dataclasses.replace(option, free_bytes=1) for option in exact if option.free_bytes != 1]
    assert not fuller or told(Choice(fuller, count, seen)) != told(one)
