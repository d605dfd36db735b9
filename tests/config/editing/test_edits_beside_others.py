"""Any edit of the users' files while another process writes: its lines alone change, no side is lost, all undone."""

from __future__ import annotations

import functools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.editing.edits import Edit
from config.editing.errors import EditRefused
from config.editing.fixes import Fix, find_fixes
from config.editing.merging import merge_texts
from config.editing.rules import RULES, Overlap, RuleEdit, apply_rule_edit, merge_rule_edit, rule_names, rule_text
from config.editing.saving import rewrite
from config.editing.splice import apply_edits
from tests.config.editing.neighbour import Neighbour
from tests.config.editing.test_random_edits import random_edit, random_rule
from tests.config.editing.test_splice import FILES, assert_local, document_of, edits, text_of, untouched

COMMENT = "# a script was here"


@dataclass(frozen=True)
class Case:
    """One edit of one text, how it is made, and how it is made again on a text that has changed."""

    before: str
    what: RuleEdit | Fix | Edit

    def apply(self) -> str:
        """Return the edited text, and see to it that only its lines differ."""
        if isinstance(self.what, RuleEdit):
            after = apply_rule_edit(self.before, self.what)
            assert_rules_alone(self.before, after, self.what)
            return after
        text = self.before
        for edit in self.what.edits if isinstance(self.what, Fix) else (self.what,):
            changed = apply_edits(text, edit)
            assert_local(text, changed, edit)
            text = changed
        return text

    def again(self, after: str, found: str) -> str:
        """Return what a changed file must become."""
        if isinstance(self.what, RuleEdit):
            return merge_rule_edit(self.before, found, self.what)
        return merge_texts(self.before, found, after)


@functools.cache
def base_text(name: str, with_rules: bool) -> str:
    """Return a sample file; with three rules in it, on demand."""
    text, source = text_of(name), random.Random(name)
    for number in range(3 if with_rules else 0):
        text = apply_rule_edit(text, RuleEdit(random_rule(source, f"rule-{number}")))
    return text


@functools.cache
def fixes_of(name: str) -> tuple[Fix, ...]:
    return find_fixes(text_of(name), name)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    name = draw(st.sampled_from(FILES))
    kind = draw(st.sampled_from(["rule", "fix", "data", "data"]))
    if kind == "fix":
        return Case(text_of(name), draw(st.sampled_from(fixes_of(name))))
    if kind == "data":
        return Case(text_of(name), draw(edits(name)))
    before = base_text(name, draw(st.booleans()))
    return Case(before, random_edit(draw(st.randoms(use_true_random=False)), rule_names(before)))


def assert_rules_alone(before: str, after: str, edit: RuleEdit) -> None:
    """Nothing but the one rule changed: not a line outside the list, not a byte of the other rules."""
    names = rule_names(before)
    for name in names:
        if name != edit.replaces:
            assert rule_text(after, name) == rule_text(before, name)
    head, tail = untouched(before, after)
    total = len(before.splitlines())
    if not names:
        assert head + tail == total
        return
    document = document_of(before)
    last = document.mark((*RULES, len(names) - 1)).line + len(rule_text(before, names[-1]).splitlines()) - 1
    assert head >= document.mark(RULES).line - 1 and tail >= total - last


def top_places(text: str) -> list[int]:
    """Return the lines before which a comment is a comment: those of the top keys, and the end."""
    lines = text.split("\n")
    return [number for number, line in enumerate(lines) if line[:1].isalpha()] + [len(lines) - 1]


@dataclass
class Tally:
    """How often what happened."""

    refused: int = 0
    merged: int = 0
    overlaps: int = 0
    same: int = 0
    edits: set[tuple[str, str]] = field(default_factory=set, repr=False)
    """Every text and its edit, written out: how many different ones there were."""

    def __str__(self) -> str:
        kinds = Counter(edit.partition("(")[0] for _, edit in self.edits)
        return f"{self.merged} merged, {self.overlaps} overlaps, {self.refused} refused, {self.same} same: {kinds}"


def check(case: Case, path: Path, neighbour: Neighbour, draw: Callable[[int], int], tally: Tally) -> None:
    try:
        after = case.apply()
    except EditRefused:
        tally.refused += 1
        return
    if after == case.before:
        tally.same += 1
        return
    tally.edits.add((case.before, repr(case.what)))
    places = top_places(case.before)
    if draw(2):  # where the two meet
        first = untouched(case.before, after)[0]
        places = sorted(places, key=lambda place: abs(place - first))[:2]
    place, in_place = places[draw(len(places))], bool(draw(2))
    path.write_bytes(case.before.encode())
    replaced: list[str] = []

    def keep(found: str) -> None:
        replaced.append(found)
        if len(replaced) == 1:
            neighbour.insert(path, place, COMMENT, in_place)

    lines = case.before.split("\n")
    theirs = "\n".join([*lines[:place], COMMENT, *lines[place:]])
    try:
        written = rewrite(path, case.before, lambda found: case.again(after, found), keep)
    except (Overlap, EditRefused):
        tally.overlaps += 1
        assert path.read_bytes() == theirs.encode()
        return
    tally.merged += 1
    assert written.merged and written.before == theirs and replaced == [case.before, theirs]
    assert path.read_bytes() == written.after.encode()
    both = written.after.split("\n")
    assert both.count(COMMENT) == 1
    both.remove(COMMENT)
    assert "\n".join(both) == after
    rewrite(path, written.after, lambda found: merge_texts(written.after, found, written.before))
    assert path.read_bytes() == theirs.encode()


@pytest.fixture
def neighbour() -> Iterator[Neighbour]:
    made = Neighbour()
    yield made
    made.end()


def run(path: Path, neighbour: Neighbour, examples: int) -> Tally:
    tally = Tally()

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(cases(), st.randoms(use_true_random=False))
    def beside(case: Case, source: random.Random) -> None:
        check(case, path, neighbour, source.randrange, tally)

    beside()
    return tally


def test_edits_beside_another_writer_lose_neither_side(tmp_path: Path, neighbour: Neighbour) -> None:
    tally = run(tmp_path / "hosts.yaml", neighbour, 12)
    assert tally.merged >= 6 and len(tally.edits) >= 9, str(tally)


@pytest.mark.storm
@pytest.mark.timeout(1800)
def test_five_hundred_edits_beside_another_writer_lose_neither_side(tmp_path: Path, neighbour: Neighbour) -> None:
    tally = run(tmp_path / "hosts.yaml", neighbour, 750)  # hypothesis tries some twice
    print(tally)
    assert tally.merged >= 400 and tally.refused < 50 and len(tally.edits) >= 500, str(tally)
