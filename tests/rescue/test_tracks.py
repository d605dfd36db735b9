"""What a rescue counts: every file once, saved when it is safe, open again when something newer is only there."""

from __future__ import annotations

from dataclasses import replace

from engine.rescue.records import Fate, Rescue, RescueKind
from engine.rescue.track import Track

RESCUE = Rescue(1, RescueKind.DRAIN, ("vast-3",), ("vast-3",), False, 0.0)


def test_a_database_that_grew_after_it_was_copied_counts_only_what_it_grew_as_open() -> None:
    track = Track(RESCUE, {1: (1_000, Fate.OPEN), 2: (500, Fate.SAVED)}, left={1: 100})
    counted = track.counted()
    assert (counted.files_total, counted.files_done) == (2, 1)
    assert (counted.bytes_total, counted.bytes_done) == (1_500, 1_400)
    assert (track.standing().open_files, track.standing().open_bytes) == (1, 100)


def test_what_vanished_is_never_counted_as_saved() -> None:
    track = Track(RESCUE, {1: (1_000, Fate.GONE), 2: (500, Fate.SAVED)})
    counted = track.counted()
    assert (counted.files_done, counted.bytes_done, track.standing().gone) == (1, 500, 1)


def test_what_is_under_way_counts_as_arrived_but_never_for_more_than_there_is() -> None:
    track = Track(replace(RESCUE), {1: (1_000, Fate.OPEN)})
    assert track.counted(400).bytes_done == 400
    assert track.counted(9_000).bytes_done == 1_000


def test_the_smallest_open_file_comes_first() -> None:
    track = Track(RESCUE, {1: (30, Fate.OPEN), 2: (10, Fate.OPEN), 3: (20, Fate.SAVED), 4: (20, Fate.OPEN)})
    assert track.open_ids == [2, 4, 1]
