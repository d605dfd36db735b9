"""The one sentence of a rescue says what an operator may do, and never more than is known."""

from __future__ import annotations

from dataclasses import replace

from engine.rescue.records import Rescue, RescueKind, RescueState
from engine.rescue.sentences import NodeLook, Standing, sentence_of

NOW = 1_767_225_600.0
DRAIN = Rescue(1, RescueKind.DRAIN, ("vast-3",), ("vast-3",), False, NOW - 60)
EMERGENCY = replace(DRAIN, kind=RescueKind.EMERGENCY)


def test_a_node_that_may_be_switched_off_is_called_so_with_the_time_of_the_last_look() -> None:
    done = replace(DRAIN, state=RescueState.DONE)
    said = sentence_of(done, Standing(), NodeLook(NOW - 12), NOW)
    assert said == "safe to switch off: nothing on vast-3 is only there; checked 12 s ago"
    silent = sentence_of(done, Standing(), NodeLook(NOW - 7200, answers=False), NOW)
    assert silent.endswith("checked 2 h ago, it has not answered since")


def test_a_node_is_never_called_safe_before_it_was_looked_at_or_while_anything_is_only_there() -> None:
    assert sentence_of(DRAIN, Standing(), NodeLook(None), NOW).startswith("not yet")
    held = sentence_of(DRAIN, Standing(2, 3_000_000, written=1), NodeLook(NOW), NOW)
    assert held.startswith("not safe to switch off: 2 files, 3 MB on vast-3 are nowhere else yet")
    assert "stop what writes there" in held


def test_what_is_stuck_says_the_first_reason_and_how_many_others_there_are() -> None:
    unsaved = (("npz:a", "full: 84 % used"), ("npz:b", "full: 84 % used"), ("npz:c", "vast-3 is paused"))
    stuck = replace(EMERGENCY, state=RescueState.STUCK, unsaved=unsaved, unsaved_total=3)
    said = sentence_of(stuck, Standing(3, 10), NodeLook(), NOW)
    assert said == "3 files, 10 B of vast-3 cannot be saved now: full: 84 % used (and 1 other reason)"


def test_an_emergency_with_nothing_to_save_says_so() -> None:
    done = replace(EMERGENCY, state=RescueState.DONE)
    assert sentence_of(done, Standing(), NodeLook(), NOW).startswith("nothing to save")


def test_an_emergency_does_not_vouch_for_what_a_silent_node_wrote_after_its_last_look() -> None:
    done = replace(EMERGENCY, state=RescueState.DONE, files_total=1, files_done=1, bytes_done=4_100)
    said = sentence_of(done, Standing(), NodeLook(NOW - 180, answers=False), NOW)
    assert said.startswith("saved: 1 file, 4.1 kB of vast-3 now have a durable verified copy elsewhere")
    assert said.endswith("checked 3 min ago, it has not answered since: what was written after that is not known")
    assert "not known" not in sentence_of(done, Standing(), NodeLook(NOW - 180), NOW)
