"""Random edits of real files: each changes what it says and not a byte besides."""

from __future__ import annotations

import functools
from pathlib import Path as FilePath
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.document import Document, Path, parse_document
from config.editing.edits import Delete, Edit, InsertItem, InsertKey, SetValue, intended
from config.editing.errors import EditRefused
from config.editing.splice import apply_edits

DATA = FilePath(__file__).parent.parent / "data"
FILES = sorted(path.name for path in DATA.glob("*.yaml"))
RULE = {"name": "spread", "match": {"data_type": "npz"}, "place": [{"selector": "gpu & status=ready", "copies": 2}]}

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 10**6),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20),
    st.sampled_from(["yes", "on", "~", "0x1f", "1:30", "2025-12-30", "a: b", "# note", "- x", "*all", "%d", " pad "]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abcdefgh_", min_size=1, max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def text_of(name: str) -> str:
    return (DATA / name).read_bytes().decode()


def paths(data: Any, path: Path = ()) -> list[Path]:
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(found for step, value in inside for found in paths(value, (*path, step)))]


@functools.cache
def document_of(text: str) -> Document:
    """Return a file, parsed once for all the edits that are tried on it; nobody changes it."""
    return parse_document(text, "before")


@functools.cache
def paths_of(text: str) -> list[Path]:
    return [found for found in paths(document_of(text).data) if found]


@st.composite
def edits(draw: st.DrawFn, name: str) -> Edit:
    text = text_of(name)
    path = draw(st.sampled_from(paths_of(text)))
    value: Any = document_of(text).data
    for step in path:
        value = value[step]
    kinds = ["set", "delete"]
    kinds += ["insert"] if isinstance(value, (list, dict)) else []
    kind = draw(st.sampled_from(kinds))
    if kind == "delete":
        return Delete(path)
    new = draw(VALUES)
    if kind == "set":
        return SetValue(path, new)
    if isinstance(value, list):
        return InsertItem(path, draw(st.integers(0, len(value))), new)
    return InsertKey(path, draw(st.text("klmnop", min_size=3, max_size=9)), new)


def untouched(before: str, after: str) -> tuple[int, int]:
    """Return how many lines at the beginning and at the end are the same bytes."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    return head, tail


def assert_local(before: str, after: str, edit: Edit) -> None:
    """Only lines of the edited value changed: those before its key and those after its last line are the same."""
    if before == after:
        return
    document = document_of(before)
    head, tail = untouched(before, after)
    if isinstance(edit, (SetValue, Delete)):
        first = document.mark(edit.path).line
        deeper = [m.line for p, m in document.values.items() if p[: len(edit.path)] == edit.path]
        last = max(first, *deeper)
        changed = (head + 1, len(before.splitlines()) - tail)
        above = document.mark(edit.path[:-1]).line if edit.path[:-1] else first
        assert changed[0] >= min(first, above)
        assert changed[1] <= last + _lines_of_last_scalar(before, last)
    else:
        kept = before.splitlines(keepends=True)
        assert len(kept) - head - tail <= 1


def _lines_of_last_scalar(text: str, line: int) -> int:
    """A scalar may go on over more lines than the one that it begins on."""
    rest = text.splitlines()[line:]
    count = 0
    while count < len(rest) and (not rest[count].strip() or rest[count].startswith("      ")):
        count += 1
    return count


@pytest.mark.parametrize("name", FILES)
def test_any_edit_changes_its_lines_alone(name: str) -> None:
    refused = 0
    made = 0

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(edits(name))
    def check(edit: Edit) -> None:
        nonlocal refused, made
        before = text_of(name)
        try:
            after = apply_edits(before, edit)
        except EditRefused:
            refused += 1
            return
        made += 1
        assert parse_document(after, name).data == intended(document_of(before).data, edit)
        assert_local(before, after, edit)

    check()
    assert refused < (made + refused) * 0.1, f"{refused} refused, {made} made"


@pytest.mark.parametrize("name", FILES)
def test_what_was_inserted_is_deleted_to_the_identical_bytes(name: str) -> None:
    before = text_of(name)
    data = parse_document(before, name).data
    lists = [path for path in paths(data) if path and _is_full_list(data, path)]
    for path in lists:
        for index in (0, 1):
            after = apply_edits(before, InsertItem(path, index, RULE))
            assert apply_edits(after, Delete((*path, index))) == before


def _is_full_list(data: Any, path: Path) -> bool:
    for step in path:
        data = data[step]
    return isinstance(data, list) and bool(data)


CRLF = "a: 1\r\nrules:\r\n  - name: x # one\r\n    place: [gpu]\r\nb: 2\r\n"


FLOW = "a: [\n  {n: x},  # cx\n  # about y\n  {n: y},  # cy\n  {n: z}  # cz\n]\n"


@pytest.mark.parametrize(
    ("before", "edit", "after"),
    [
        ("a: 1 # why\nb: 2\n", SetValue(("a",), 70), "a: 70 # why\nb: 2\n"),
        ("a:\nb: 2\n", SetValue(("a",), "x"), "a: x\nb: 2\n"),
        ("a:   1", SetValue(("a",), 2), "a:   2"),
        ("a: [1,2,  3] # list\n", Delete(("a", 1)), "a: [1,3] # list\n"),
        ("a: [1,2,  3]\n", Delete(("a", 2)), "a: [1,2]\n"),
        ("a: [ 1 ]\n", Delete(("a", 0)), "a: [  ]\n"),
        ("a: [1]\n", InsertItem(("a",), 0, "b"), "a: [b, 1]\n"),
        ("a: []  # none\nb: 1\n", InsertItem(("a",), 0, "x"), "a:  # none\n  - x\nb: 1\n"),
        ("a:\n- x\n# tail\nb: 1\n", InsertItem(("a",), 1, "y"), "a:\n- x\n- y\n# tail\nb: 1\n"),
        ("a:\n- x\n", Delete(("a", 0)), "a: []\n"),
        ("a:\n  - x\n  # about y\n  - y\n", Delete(("a", 1)), "a:\n  - x\n  # about y\n"),
        ("a: {}\n", InsertKey(("a",), "k", {"n": 1}), "a:\n  k:\n    n: 1\n"),
        ("a: 1", InsertKey((), "k", 2), "a: 1\nk: 2"),
        ("a:\n  - k: 1 # first\n    n: 2\n", Delete(("a", 0, "k")), "a:\n  - n: 2\n"),
        ("a: 'it''s' # q\n", SetValue(("a",), "it's"), 'a: it\'s # q\n'),
        ("a: |\n  text\n  more\nb: 1\n", SetValue(("a",), "short"), "a: short\nb: 1\n"),
        (CRLF, InsertItem(("rules",), 1, {"name": "y", "place": ["gpu"]}),
         CRLF.replace("b: 2", "  - name: y\r\n    place:\r\n      - gpu\r\nb: 2")),
        (CRLF, Delete(("rules", 0)), "a: 1\r\nrules: []\r\nb: 2\r\n"),
        ("a:\n  2025-12-30: x\n  b: y\n", Delete(("a", "2025-12-30")), "a:\n  b: y\n"),
        ("\ufeffa: 1\nb: 2\n", SetValue(("b",), 3), "\ufeffa: 1\nb: 3\n"),
        ("\ufeffa: 1\n", InsertKey((), "k", {"n": 1}), "\ufeffa: 1\nk:\n  n: 1\n"),
        ("a:  # none yet\nb: 1\n", SetValue(("a",), ["x"]), "a:  # none yet\n  - x\nb: 1\n"),
        ("a: ~  # none yet", SetValue(("a",), {"n": 1}), "a:  # none yet\n  n: 1"),
        ("a:\n  -\n    k: 1\n  - # two\n    k: 2\n", InsertItem(("a",), 1, "x"),
         "a:\n  -\n    k: 1\n  - x\n  - # two\n    k: 2\n"),
        ("a:\n  -\n    k: 1\n  - # two\n    k: 2\n", InsertItem(("a",), 2, "x"),
         "a:\n  -\n    k: 1\n  - # two\n    k: 2\n  - x\n"),
        ("a:\n  -\n    k: 1\n  - # two\n    k: 2\n", Delete(("a", 0)), "a:\n  - # two\n    k: 2\n"),
        ("a:\n  -\n    k: 1\n  - # two\n    k: 2\n", Delete(("a", 1)), "a:\n  -\n    k: 1\n"),
        ("a:\n  - k: 1\n    # about n\n    n: 2\n", Delete(("a", 0, "k")), "a:\n  - # about n\n    n: 2\n"),
        (FLOW, Delete(("a", 0)), "a: [\n  # about y\n  {n: y},  # cy\n  {n: z}  # cz\n]\n"),
        (FLOW, Delete(("a", 1)), "a: [\n  {n: x},  # cx\n  # about y\n  {n: z}  # cz\n]\n"),
        (FLOW, Delete(("a", 2)), "a: [\n  {n: x},  # cx\n  # about y\n  {n: y},  # cy\n]\n"),
        (FLOW.replace("\n", "\r\n"), Delete(("a", 0)),
         "a: [\r\n  # about y\r\n  {n: y},  # cy\r\n  {n: z}  # cz\r\n]\r\n"),
        ("a: [x,  # cx\n  y]\n", Delete(("a", 1)), "a: [x,  # cx\n  ]\n"),
        ("a: [x, y,]\n", Delete(("a", 1)), "a: [x, ]\n"),
    ],
)  # fmt: skip
def test_awkward_places(before: str, edit: Edit, after: str) -> None:
    assert apply_edits(before, edit) == after


@pytest.mark.parametrize(
    ("text", "edit"),
    [
        ("a: &x {n: 1}\nb: *x\n", SetValue(("b", "n"), 2)),
        ("a: &x {n: 1}\nb: *x\n", SetValue(("a", "n"), 2)),
        ("base: &x {n: 1}\nb:\n  <<: *x\n", SetValue(("b", "n"), 2)),
        ("a: &x 1\nb: *x\n", SetValue(("a",), 2)),
        ("a: 1\na: 2\n", SetValue(("a",), 3)),
        ("a: [1\n", SetValue(("a",), 3)),
        ("a: 1\n", Delete(("b",))),
    ],
)
def test_what_cannot_be_edited_safely_is_refused_with_a_remedy(text: str, edit: Edit) -> None:
    with pytest.raises(EditRefused) as refusal:
        apply_edits(text, edit)
    assert refusal.value.remedy
