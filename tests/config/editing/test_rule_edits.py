"""One rule at a time, in files with and without rules, and onto files that somebody else has changed."""

from __future__ import annotations

from pathlib import Path as FilePath

import pytest

from config.document import parse_document
from config.editing.errors import EditRefused
from config.editing.rules import Overlap, RuleEdit, apply_rule_edit, merge_rule_edit, rule_names, rule_text

DATA = FilePath(__file__).parent.parent / "data"
FILES = sorted(path.name for path in DATA.glob("*.yaml"))
NEW = "name: spread # everywhere\nmatch:\n  data_type: npz\nplace: [gpu]  # all of them\n"
TWO = """\
sync_routing:
  # ours
  rules:
    - name: first   # keep
      place: gpu
    # the second
    - name: second
      match: {data_type: games}
      place:
        - selector: durable
          copies: 2   # two
hosts: {}
"""


@pytest.mark.parametrize("name", FILES)
def test_a_rule_is_added_to_a_file_without_rules_and_taken_out_again(name: str) -> None:
    before = (DATA / name).read_bytes().decode()
    after = apply_rule_edit(before, RuleEdit(NEW))
    assert rule_names(after) == ("spread",)
    assert "name: spread # everywhere" in after and "place: [gpu]  # all of them" in after
    assert rule_text(after, "spread") == NEW.rstrip("\n")
    kept = set(before.splitlines())
    assert kept <= set(after.splitlines())
    gone = apply_rule_edit(after, RuleEdit("", replaces="spread"))
    assert parse_document(gone, name).data["sync_routing"]["rules"] == []


def test_rules_are_placed_moved_and_replaced_with_their_own_comments() -> None:
    placed = apply_rule_edit(TWO, RuleEdit(NEW, before="second"))
    assert rule_names(placed) == ("first", "spread", "second")
    assert apply_rule_edit(placed, RuleEdit("", replaces="spread")) == TWO
    replaced = apply_rule_edit(TWO, RuleEdit("name: first\nplace: durable # safer\n", replaces="first"))
    assert replaced == TWO.replace("first   # keep\n      place: gpu", "first\n      place: durable # safer")
    moved = apply_rule_edit(TWO, RuleEdit(rule_text(TWO, "second"), replaces="second", before="first"))
    assert rule_names(moved) == ("second", "first")
    assert "copies: 2   # two" in moved


def test_the_text_of_a_rule_is_what_the_operator_wrote() -> None:
    assert rule_text(TWO, "first") == "name: first   # keep\nplace: gpu"
    assert rule_text(TWO, "second").splitlines()[-1] == "    copies: 2   # two"
    assert rule_text(TWO, "third") == ""


@pytest.mark.parametrize("name", ["first", "second"])
def test_a_rule_saved_as_it_is_changes_no_byte(name: str) -> None:
    assert apply_rule_edit(TWO, RuleEdit(rule_text(TWO, name), replaces=name)) == TWO
    crlf = TWO.replace("\n", "\r\n")
    assert apply_rule_edit(crlf, RuleEdit(rule_text(crlf, name), replaces=name)) == crlf


def test_a_rule_that_both_removed_is_gone() -> None:
    theirs = apply_rule_edit(TWO, RuleEdit("", replaces="first"))
    assert merge_rule_edit(TWO, theirs, RuleEdit("", replaces="first")) == theirs


def test_an_edit_elsewhere_is_merged() -> None:
    theirs = TWO.replace("copies: 2 ", "copies: 3 ").replace("hosts: {}", "hosts:\n  a: {}")
    merged = merge_rule_edit(TWO, theirs, RuleEdit("name: first\nplace: durable", replaces="first"))
    assert merged == theirs.replace("first   # keep\n      place: gpu", "first\n      place: durable")


@pytest.mark.parametrize(
    ("theirs", "edit", "shown"),
    [
        (TWO.replace("copies: 2", "copies: 3"), RuleEdit("name: second\nplace: gpu", replaces="second"), "copies: 3"),
        (
            TWO.replace("    - name: first   # keep\n      place: gpu\n", ""),
            RuleEdit("name: first\nplace: ephemeral", replaces="first"),
            "",
        ),
        (apply_rule_edit(TWO, RuleEdit("name: spread\nplace: durable")), RuleEdit(NEW), "durable"),
    ],
)
def test_edits_of_one_rule_show_both_versions(theirs: str, edit: RuleEdit, shown: str) -> None:
    with pytest.raises(Overlap) as overlap:
        merge_rule_edit(TWO, theirs, edit)
    assert shown in overlap.value.theirs
    assert overlap.value.ours == edit.yaml


@pytest.mark.parametrize(
    "edit",
    [
        RuleEdit("name: [\n"),
        RuleEdit("- a list"),
        RuleEdit("place: gpu"),
        RuleEdit("name: second\nplace: gpu"),
        RuleEdit("name: x\nname: y\nplace: gpu"),
        RuleEdit("name: x\nplace: gpu", replaces="nobody"),
        RuleEdit(""),
    ],
)
def test_what_is_no_rule_is_refused(edit: RuleEdit) -> None:
    with pytest.raises(EditRefused) as refusal:
        apply_rule_edit(TWO, edit)
    assert refusal.value.cause and refusal.value.remedy


def test_a_rule_that_ends_in_a_block_scalar_is_saved_as_it_is_written() -> None:
    text = "sync_routing:\n  rules:\n    - name: a\n      place: >\n        external\n\nhosts: {}\n"
    same = RuleEdit(rule_text(text, "a"), "a")
    assert apply_rule_edit(text, same) == text
    added = apply_rule_edit(text, RuleEdit("name: b\nplace: >\n  durable", None, "a"))
    assert rule_text(added, "b") == "name: b\nplace: >\n  durable"
