"""The table of incidents: all fifty are there, and every test that it names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROW = re.compile(r"^\| (\d+) \|(.*)\|(.*)\|(.*)\|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
INCIDENTS = 50


def _rows(repository: Path) -> list[tuple[int, str]]:
    text = (repository / "docs" / "incidents.md").read_text(encoding="utf-8")
    return [(int(number), last) for number, _, _, last in ROW.findall(text)]


def test_every_incident_is_told_once(repository: Path) -> None:
    assert [number for number, _ in _rows(repository)] == list(range(1, INCIDENTS + 1))


def test_every_incident_names_a_test_and_every_test_exists(repository: Path) -> None:
    for number, cell in _rows(repository):
        named = TEST.findall(cell)
        assert named, f"incident {number} names no test"
        for path, name in named:
            tree = ast.parse((repository / path).read_text(encoding="utf-8"))
            functions = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
            assert name in functions, f"incident {number}: {path}::{name}"
