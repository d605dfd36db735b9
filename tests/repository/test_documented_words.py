"""What the documentation lists is what the code knows: words that scripts and rules are written with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from config.types import Transport
from engine.archive.values import ArchiveCode
from engine.codes import TransferCode
from engine.views_engine import EngineState


def line_of(repository: Path, page: str, beginning: str) -> str:
    """Return what a page says from these words on, up to the end of the paragraph or row."""
    text = (repository / page).read_text(encoding="utf-8")
    found = re.search(re.escape(beginning) + r".*?(?=\n\n|\n\||\Z)", text, re.DOTALL)
    assert found is not None, f"{page} has no {beginning!r}"
    return found.group()


@pytest.mark.parametrize(
    ("page", "beginning"), [("docs/configuration.md", "| `via` |"), ("docs/json.md", "`transport` (rsync")]
)
def test_every_transport_is_documented(repository: Path, page: str, beginning: str) -> None:
    said = line_of(repository, page, beginning)
    assert [name.value for name in Transport if not re.search(rf"\b{name.value}\b", said)] == []


def test_the_states_of_an_engine_are_documented_and_no_others(repository: Path) -> None:
    said = line_of(repository, "docs/json.md", "| `engine` | `state` (").partition("(")[2].partition(")")[0]
    assert {words.split()[0] for words in re.split("[,;] ", said)} == set(EngineState)


def test_the_codes_of_transfers_and_archives_are_documented_and_no_others(repository: Path) -> None:
    said = line_of(repository, "docs/json.md", "`code` says which it is: ").removeprefix("`code` says which it is: ")
    said = re.sub(r"\([^)]*\)", "", said).partition(";")[0]
    assert {" ".join(words.split()) for words in said.split(",")} == set(TransferCode)
    of_archives = line_of(repository, "docs/json.md", "`code` (awaits-deletion").partition("(")[2].partition(")")[0]
    assert {words.partition(":")[0] for words in of_archives.split("; or ")} == {*ArchiveCode, "null"}
