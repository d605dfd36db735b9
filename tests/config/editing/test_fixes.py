"""Each fix on the users' files: the finding is gone, no new one appears, and only the lines of the fix change."""

from __future__ import annotations

import difflib
import functools
import re
from pathlib import Path

import pytest

from config.editing.fixes import MENDERS, find_fixes
from config.editing.splice import apply_edits
from config.lint import lint
from tests.config.all_lint_cases import CASES
from tests.config.editing.added_faults import FAULTS, with_fault

DATA = Path(__file__).parent.parent / "data"
FILES = sorted(DATA.glob("*.yaml"))


@functools.cache
def identities(text: str) -> frozenset[tuple[str, str]]:
    """Return the findings of a text without their lines, which an edit above them moves."""
    return frozenset((found.rule, re.sub(r"lines? [\d, ]+", "", found.message)) for found in lint(text))


def changed_lines(before: str, after: str) -> int:
    return sum(line[:1] in "+-" for line in difflib.ndiff(before.splitlines(), after.splitlines()))


def mended(text: str, fix_id: str) -> str:
    (fix,) = [found for found in find_fixes(text, "hosts.yaml") if found.id == fix_id]
    return apply_edits(text, *fix.edits)


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_every_fix_of_the_users_files_mends_and_breaks_nothing(path: Path) -> None:
    before = path.read_bytes().decode()
    known = identities(before)
    fixes = find_fixes(before, str(path))
    assert len({fix.id for fix in fixes}) == len(fixes) > 10
    for fix in fixes:
        after = apply_edits(before, *fix.edits)
        assert identities(after) < known, fix.id
        assert changed_lines(before, after) <= 2 * len(fix.edits), fix.id
        assert fix.id not in {left.id for left in find_fixes(after, str(path))}


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.fix_id for fault in FAULTS])
def test_a_fault_put_into_the_users_file_is_mended(fault) -> None:
    text = with_fault(FILES[0].read_text(), fault)
    known = identities(text)
    after = mended(text, fault.fix_id)
    left = identities(after)
    assert not left - known
    assert not [found for found in left if found in known - identities(FILES[0].read_text()) and found[0] == fault.rule]
    assert fault.fix_id not in {fix.id for fix in find_fixes(after, "hosts.yaml")}


@pytest.mark.parametrize(("_rule", "text", "_blamed"), CASES)
def test_every_fix_of_a_lint_case_mends_and_breaks_nothing(_rule: str, text: str, _blamed: set[str]) -> None:
    known = identities(text)
    for fix in find_fixes(text, "hosts.yaml"):
        after = apply_edits(text, *fix.edits)
        assert identities(after) < known, fix.id
        assert fix.id not in {left.id for left in find_fixes(after, "hosts.yaml")}


def test_every_mender_is_tried_by_a_lint_case() -> None:
    exercised = {
        fix.id.partition(":")[0]
        for case in CASES
        for fix in find_fixes(case.values[1], "hosts.yaml")
        if fix.id.partition(":")[0] == case.values[0]
    }
    assert set(MENDERS) == exercised


def test_of_two_alike_in_one_line_only_the_later_one_goes() -> None:
    (text,) = [case.values[1] for case in CASES if case.id == "drive twice in one line"]
    (fix,) = [fix for fix in find_fixes(text, "hosts.yaml") if fix.id.startswith("drive-twice:")]
    assert apply_edits(text, *fix.edits).count("/Volumes/D") == 1


def test_a_file_that_cannot_be_used_has_no_fixes() -> None:
    assert find_fixes("hosts: [", "x") == ()
    assert find_fixes("hosts: {a: {ssh_port: x}}", "x") == ()
