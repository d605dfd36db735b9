from __future__ import annotations

import pytest
import yaml
from cluster_text import FLEET, TEMPLATE

from config.document import Mark, parse_document


@pytest.mark.parametrize("path", [FLEET, TEMPLATE], ids=["fleet", "template"])
def test_data_equals_what_safe_load_reads(path):
    text = path.read_text()
    assert parse_document(text, "f").data == yaml.safe_load(text)


def test_every_key_and_value_has_its_line_and_column():
    document = parse_document("a:\n  b: 1\n  list:\n    - x\n    - y: 2\n", "f")
    assert document.mark(("a", "b")) == Mark(2, 3)
    assert document.value_mark(("a", "b")) == Mark(2, 6)
    assert document.mark(("a", "list", 0)) == Mark(4, 7)
    assert document.mark(("a", "list", 1, "y")) == Mark(5, 7)


def test_a_key_that_is_absent_is_marked_at_its_nearest_parent():
    document = parse_document("a:\n  b: 1\n", "f")
    assert document.mark(("a", "missing", "deeper")) == Mark(1, 1)
    assert document.line(("a", "missing")) is None


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: [1\n", 2, 1),
        ("\ta: 1\n", 1, 1),
        ("ok: 1\nx: *nothing\n", 2, 4),
        ("a: b: c\n", 1, 5),
        ("ok: 1\nx: a\x00b\n", 2, 5),
        ("x:\n  *: 50\n", 2, 4),
    ],
)
def test_broken_yaml_is_a_finding_with_line_and_column(text, line, column):
    document = parse_document(text, "f")
    assert document.data is None
    [finding] = document.findings
    assert (finding.rule, finding.line, finding.column) == ("yaml-syntax", line, column)
    assert finding.remedy


def test_every_repeated_key_is_a_finding_naming_both_lines():
    document = parse_document("hosts:\n  a: {cpus: 1, cpus: 2}\n  b: {}\n  a: {}\n", "f")
    found = {(finding.rule, finding.line, finding.column) for finding in document.findings}
    assert found == {("duplicate-key", 2, 16), ("duplicate-key", 4, 3)}
    assert all("line 2" in finding.message for finding in document.findings)


def test_overriding_a_merged_key_is_not_a_repetition():
    document = parse_document("base: &base {x: 1, y: 2}\nc:\n  <<: *base\n  x: 3\n", "f")
    assert document.findings == ()
    assert document.data["c"] == {"x": 3, "y": 2}
    assert document.mark(("c", "x")) == Mark(4, 3)


def test_dates_stay_text_even_impossible_ones():
    assert parse_document("a: 2025-12-30\nb: 2025-99-99\n", "f").data == {"a": "2025-12-30", "b": "2025-99-99"}


def test_an_alias_that_holds_itself_ends():
    assert parse_document("a: &a [*a]\n", "f").findings == ()


def test_aliases_of_aliases_do_not_grow_without_end():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    document = parse_document("\n".join(lines), "f")
    assert len(document.values) <= 200_001


def test_python_objects_in_the_file_are_refused():
    [finding] = parse_document("a: !!python/object/apply:os.getcwd []\n", "f").findings
    assert finding.rule == "yaml-syntax"


def test_the_digest_changes_with_every_byte():
    assert parse_document("a: 1\n", "f").digest != parse_document("a: 1 \n", "f").digest


def test_keys_repeated_on_one_line_are_told_apart_by_their_columns():
    [finding] = parse_document("hosts: {a: [{cpus: 1, cpus: 2}]}\n", "f").findings
    assert (finding.key, finding.remedy) == ("hosts.a[1].cpus", "keep one of line 1, column 14 and line 1, column 23")


def test_two_merges_into_one_mapping_are_a_repeated_key():
    document = parse_document("a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a\n", "f")
    assert [(finding.rule, finding.line) for finding in document.findings] == [("duplicate-key", 4)]
