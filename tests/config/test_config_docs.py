from __future__ import annotations

import re
from pathlib import Path

import pytest

from config.lint.registry import RULES
from config.lint.table import FORM_RULES, with_table
from config.schema.archive import Archive
from config.schema.data_plane import (
    Bandwidth,
    DataPlane,
    Landing,
    NodeSwitch,
    OnFinding,
    Ssh,
    ThresholdSection,
    TimetableEntry,
)
from config.schema.http import Http, HttpServer
from config.schema.rule import Place, Rule, RuleMatchSection
from config.schema.sections import S3, AutoSync, ExcludedHost, ExternalStorage, Subdirs, SyncRouting
from config.selector import BARE_WORDS
from config.types import Transport

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


def test_the_table_of_lint_rules_is_the_registry(page):
    assert with_table(page) == page


def test_no_two_rules_share_an_id():
    ids = [rule.id for rule in RULES] + [rule for rule, _, _ in FORM_RULES]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    "section",
    [
        SyncRouting,
        ExcludedHost,
        ExternalStorage,
        Subdirs,
        S3,
        AutoSync,
        DataPlane,
        Archive,
        Ssh,
        OnFinding,
        Landing,
        Http,
        HttpServer,
        NodeSwitch,
        Bandwidth,
        TimetableEntry,
        ThresholdSection,
        Rule,
        RuleMatchSection,
        Place,
    ],
)
def test_every_key_that_is_read_is_documented(page, section):
    prose = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    words = set(re.findall(r"[a-z0-9_]+", " ".join(re.findall(r"`([^`]+)`", prose))))
    assert set(section.model_fields) <= words


def test_every_transport_that_a_rule_can_name_is_documented(page):
    (row,) = [line for line in page.splitlines() if line.startswith("| `via` |")]
    assert set(Transport) == set(re.findall(r"`(\w+)`", row)) - {"via"}


def test_every_word_of_the_selector_language_is_documented(page):
    assert set(BARE_WORDS) <= set(re.findall(r"`([a-z]+)`", page))
