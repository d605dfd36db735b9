"""Random rule edits on the users' files: each changes its own lines alone, and taking all back gives the same bytes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from config.document import parse_document
from config.editing.merging import merge_texts
from config.editing.rules import Overlap, RuleEdit, apply_rule_edit, rule_names, rule_text

DATA = Path(__file__).parent.parent / "data"
FILES = sorted(DATA.glob("*.yaml"))
NAMES = [f"rule-{number}" for number in range(6)]


def random_edit(source: random.Random, names: tuple[str, ...]) -> RuleEdit:
    before = source.choice([None, *names])
    if names and source.random() < 0.5:
        replaced = source.choice(names)
        if source.random() < 0.4:
            return RuleEdit("", replaces=replaced)
        return RuleEdit(random_rule(source, replaced), replaced, before if before != replaced else None)
    free = [name for name in NAMES if name not in names]
    return RuleEdit(random_rule(source, source.choice(free)), None, before) if free else RuleEdit("", names[0])


def random_rule(source: random.Random, name: str) -> str:
    comment = source.choice(["", "  # why", " # \u00fcber"])
    place = source.choice(["durable", "[gpu, external]", "\n  - selector: durable  # safe\n    copies: 2"])
    match = source.choice(["", "match: {data_type: [npz, models]}\n", "match:\n  size: '> 1 GiB'\n\n  path: '*'\n"])
    return f"name: {name}{comment}\n{match}place: {place}\n".replace("place: \n", "place:\n")


def others(text: str) -> list[str]:
    """Return the lines of a file outside its rules."""
    document = parse_document(text, "x")
    if not document.has(("sync_routing", "rules")):
        return text.splitlines()
    kept = {name: rule_text(text, name) for name in rule_names(text)}
    mine = {line.strip() for rule in kept.values() for line in rule.splitlines()}
    mine |= {f"- {line}" for line in mine} | {"rules:", "rules: []"}
    return [line for line in text.splitlines() if line.strip() not in mine]


def run(path: Path, seed: int, count: int) -> None:
    source = random.Random(seed)
    first = path.read_bytes().decode()
    texts, outside = [first], [line for line in first.splitlines() if line.strip()]
    for _ in range(count):
        before = texts[-1]
        after = apply_rule_edit(before, random_edit(source, rule_names(before)))
        left = others(after)
        assert [line for line in left if line.strip() and line in outside] == [line for line in outside if line in left]
        assert set(outside) <= set(after.splitlines())
        texts.append(after)
    # Taken back one by one, as undo does it, while somebody else adds a line at the end.
    now = texts[-1] + "# a script was here\n"
    for before, after in zip(reversed(texts[:-1]), reversed(texts[1:]), strict=True):
        now = merge_texts(after, now, before)
    assert now == first + "# a script was here\n"


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_random_edits_leave_the_rest_alone_and_can_all_be_taken_back(path: Path) -> None:
    run(path, 7, 3)


@pytest.mark.storm
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_many_random_edits(path: Path, seed: int) -> None:
    run(path, seed, 50)


def test_merging_keeps_both_sides_and_refuses_an_overlap() -> None:
    base = "a\nb\nc\nd\ne\n"
    assert merge_texts(base, "A\nb\nc\nd\ne\n", "a\nb\nc\nd\nE\n") == "A\nb\nc\nd\nE\n"
    assert merge_texts(base, "A\nb\nc\nd\ne\n", "A\nb\nc\nd\ne\n") == "A\nb\nc\nd\ne\n"
    with pytest.raises(Overlap) as caught:
        merge_texts(base, "a\nB\nc\nd\ne\n", "a\nX\nc\nd\ne\n")
    assert (caught.value.theirs, caught.value.ours) == ("B\n", "X\n")
