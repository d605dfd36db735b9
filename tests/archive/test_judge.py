"""What may be deleted, over all kinds of fleets: never the last verified durable copy, never fewer than before."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from engine.archive.judge import Case, Form, counts, judge

NOW, FRESH = 1_000_000.0, 86_400.0
PLACES = ("a", "b", "c", "cold")
ARCHIVE = 7


def form(location: str, **changes: object) -> Form:
    return replace(Form(location, True, True, False, NOW - 10.0), **changes)  # type: ignore[arg-type]


ORIGINAL = form("a", verified_at=None)
ARCHIVED = form("cold", archive_id=ARCHIVE)


def case(*others: Form, **changes: object) -> Case:
    made = Case("a", (ORIGINAL, *others), ARCHIVE, NOW, FRESH)
    return replace(made, **changes)  # type: ignore[arg-type]


forms = st.builds(
    Form,
    location=st.sampled_from(PLACES),
    durable=st.booleans(),
    reachable=st.booleans(),
    failing=st.booleans(),
    verified_at=st.one_of(st.none(), st.sampled_from([NOW - 10.0, NOW - 2 * FRESH, NOW + 5.0])),
    archive_id=st.one_of(st.none(), st.integers(1, 9)),
    archive_sound=st.booleans(),
    doomed=st.booleans(),
    other_version=st.booleans(),
)
cases = st.builds(
    Case,
    target=st.just("a"),
    forms=st.lists(forms, max_size=7).map(tuple),
    newcomer=st.one_of(st.none(), st.just(ARCHIVE)),
    now=st.just(NOW),
    fresh_seconds=st.just(FRESH),
    held=st.booleans(),
    source_of=st.integers(0, 2),
    protected=st.one_of(st.none(), st.just("it is pinned")),
)


@given(cases)
def test_what_is_deleted_leaves_as_many_verified_durable_copies_as_there_were(made: Case) -> None:
    verdict = judge(made)
    if not verdict.allowed:
        assert verdict.reason and verdict.remedy
        return
    staying = {
        f.location
        for f in made.forms
        if counts(f, NOW, FRESH) and not (f.location == made.target and f.archive_id is None)
    }
    assert len(staying) >= max(1, verdict.before)
    assert not made.held and not made.source_of and made.protected is None


@given(cases, st.integers(0, 6), st.sampled_from(["durable", "reachable", "failing", "archive_sound", "doomed"]))
def test_a_copy_that_becomes_worth_less_never_makes_a_deletion_possible(made: Case, which: int, field: str) -> None:
    kept = [f for f in made.forms if not (f.location == made.target and f.archive_id is None)]
    if which >= len(kept) or kept[which].archive_id == made.newcomer is None:
        return
    worse = replace(kept[which], **{field: field in ("failing", "doomed")})  # type: ignore[arg-type]
    originals = [f for f in made.forms if f.location == made.target and f.archive_id is None]
    without = replace(made, forms=(*originals, worse), newcomer=made.newcomer)
    alone = replace(made, forms=(*originals, kept[which]), newcomer=made.newcomer)
    if judge(without).allowed:
        assert judge(alone).allowed


def test_an_archive_at_another_location_takes_the_originals_place() -> None:
    verdict = judge(case(ARCHIVED))
    assert (verdict.allowed, verdict.before, verdict.after) == (True, 1, 1)
    assert verdict.witnesses == (ARCHIVED,)


def test_a_location_that_holds_a_copy_already_gains_nothing_by_an_archive() -> None:
    verdict = judge(case(ARCHIVED, form("cold")))
    assert (verdict.allowed, verdict.before, verdict.after) == (False, 2, 1)


def test_a_file_may_become_an_archive_at_its_own_location() -> None:
    assert judge(case(form("a", archive_id=ARCHIVE))).allowed


def test_only_an_archive_that_is_fresh_sound_durable_and_reachable_vouches() -> None:
    spoilt = (
        {"verified_at": NOW - 2 * FRESH},
        {"verified_at": None},
        {"archive_sound": False},
        {"durable": False},
        {"reachable": False},
        {"failing": True},
        {"doomed": True},
    )
    for change in spoilt:
        assert not judge(case(replace(ARCHIVED, **change))).allowed  # type: ignore[arg-type]


def test_an_archive_that_took_ones_place_already_cannot_take_anothers() -> None:
    assert not judge(case(ARCHIVED, newcomer=None)).allowed


def test_an_archive_where_a_copy_lies_already_takes_no_place_though_nobody_read_that_copy_lately() -> None:
    verdict = judge(case(ARCHIVED, form("cold", verified_at=None)))
    assert not verdict.allowed and "from 2 to 1" in verdict.reason
    assert judge(case(ARCHIVED, form("c", verified_at=None, reachable=False))).allowed


def test_another_version_at_the_archives_location_vouches_for_nothing_and_makes_no_room_for_it() -> None:
    """What both versions hold was in two places, and would be in one."""
    verdict = judge(case(ARCHIVED, form("cold", other_version=True)))
    assert not verdict.allowed and "from 2 to 1" in verdict.reason
    assert judge(case(ARCHIVED, form("c", other_version=True))).allowed
    assert not judge(case(form("c", other_version=True), newcomer=None)).allowed
    masked = judge(case(ARCHIVED, form("cold"), form("a", archive_id=3, other_version=True)))
    assert not masked.allowed
