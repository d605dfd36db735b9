"""Which running transfers make way for an emergency."""

from __future__ import annotations

import dataclasses

from engine.model import DataType, EntryKey, SyncPriority, Transfer, TransferState
from engine.rescue.way import making_way

MOST, PER_NODE = 3, 2


def transfer(number: int, source: str, target: str, priority: int = 50, emergency: bool = False) -> Transfer:
    key = EntryKey(DataType.NPZ, f"{number}.npz")
    made = Transfer(number, key, source, target, TransferState.CLAIMED, "", SyncPriority(priority), 10)
    return dataclasses.replace(made, emergency=emergency, started_at=float(number))


def urgent(number: int, source: str, target: str) -> Transfer:
    return transfer(number, source, target, 100, emergency=True)


def test_nothing_is_held_back_while_a_slot_is_free() -> None:
    busy = [(transfer(1, "a", "b"),), (transfer(2, "c", "d"),)]
    assert making_way([urgent(9, "v", "b")], busy, MOST, PER_NODE) == []


def test_the_least_urgent_and_youngest_makes_way_first() -> None:
    low, old, young = (transfer(1, "a", "b", 25),), (transfer(2, "c", "d"),), (transfer(3, "e", "f"),)
    assert making_way([urgent(9, "v", "w")], [old, low, young], MOST, PER_NODE) == [low]
    assert making_way([urgent(9, "v", "w"), urgent(8, "x", "y")], [old, low, young], MOST, PER_NODE) == [low, young]


def test_where_a_node_is_full_what_runs_there_makes_way() -> None:
    elsewhere, there = (transfer(1, "a", "b", 25),), [(transfer(n, "n", f"t{n}"),) for n in (2, 3)]
    held = making_way([urgent(9, "v", "n")], [elsewhere, *there], 10, PER_NODE)
    assert held == [there[1]]


def test_a_batch_makes_way_as_a_whole() -> None:
    batch = (transfer(1, "a", "b"), transfer(2, "a", "b"))
    assert making_way([urgent(9, "v", "w")], [batch], 1, PER_NODE) == [batch]


def test_what_is_urgent_itself_never_makes_way() -> None:
    busy = [(urgent(1, "a", "b"),), (transfer(2, "c", "d", 100),), (urgent(3, "e", "f"),)]
    assert making_way([urgent(9, "v", "w")], busy, MOST, PER_NODE) == []
