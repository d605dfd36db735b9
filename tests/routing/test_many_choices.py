"""Many keys at once are given what each of them is given by itself."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.routing.choosing import Choice, Field, Option
from engine.routing.scores import number_of
from engine.routing.simulation.columns import column, sets
from engine.routing.simulation.many_choices import Ask, ManyChoices

LOCATIONS = 70
"""More than a word of bits."""
WORDS = 2
FREE = (None, 0, 1, 3 * 10**8, 10**9, 7 * 10**11)


def field_of(chance: random.Random) -> Field:
    field = Field()
    for number in range(LOCATIONS):
        priority, free = chance.random() < 0.2, chance.choice(FREE)
        provider = chance.choice(["", "vast", "hetzner", "lambda"])
        field.add(Option(f"node-{number:02}", provider, False, priority, free), 1 << number)
    return field


def some_of(chance: random.Random, bits: int) -> int:
    return sum(
        1 << place for place in range(LOCATIONS) if bits >> place & 1 and chance.random() < chance.choice((0, 0.3, 1))
    )


@given(st.integers(), st.integers(0, 40))
def test_each_key_is_given_what_it_is_given_alone(seed: int, keys_count: int) -> None:
    chance = random.Random(seed)
    field = field_of(chance)
    keys = [f"npz:run_{chance.random()}" for _ in range(keys_count)]
    asked = []
    for _ in keys:
        options = some_of(chance, field.everything)
        settled, usable, seen = (some_of(chance, options) for _ in range(3))
        asked.append((chance.randrange(6), options, settled, usable, seen))
    alone = []
    for key, (count, options, settled, usable, seen) in zip(keys, asked, strict=True):
        choice = Choice.on(field, options, count, (settled, usable, 0), seen)
        alone.append(sum(field.bits[location] for location in choice.made_for(key)))
    columns = (
        np.concatenate([np.zeros((WORDS, 0), np.uint64), *(column(one[place], WORDS) for one in asked)], axis=1)
        for place in range(1, 5)
    )
    ask = Ask(np.array([one[0] for one in asked], dtype=np.int64), *columns)
    numbers = np.array([number_of(key) for key in keys], dtype=np.uint64)
    assert sets(ManyChoices(field, WORDS, lambda: None).made(numbers, ask)) == alone
