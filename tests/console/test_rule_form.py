"""A rule as a form: every field is read from the YAML, and a changed one changes nothing else."""

from __future__ import annotations

import pytest
import yaml

from app.console.present.rule_form import FIELDS, fields_of, with_field
from config.editing.errors import EditRefused

RULE = """# why it is so
name: hex games   # ours
match: {data_type: [games, npz], config_key: hex8_*}
place:
  - selector: "training"   # keep
    copies: 2
priority: high
"""


def test_every_field_is_shown_as_a_person_writes_it() -> None:
    fields = fields_of(RULE)
    assert fields is not None and set(fields) == {field.id for field in FIELDS}
    assert fields["data_type"] == "games, npz"
    assert fields["place"] == "training x2"
    assert fields["deadline"] == ""


@pytest.mark.parametrize(
    ("field", "text", "path", "value"),
    [
        ("name", "other", ("name",), "other"),
        ("data_type", "models", ("match", "data_type"), ["models"]),
        ("size", ">100MB", ("match", "size"), ">100MB"),
        ("path", "*: {x}", ("match", "path"), "*: {x}"),
        ("place", "durable & !up x3; external", ("place",),
         [{"selector": "durable & !up", "copies": 3}, {"selector": "external"}]),
        ("place", "external xall", ("place",), [{"selector": "external", "copies": "all"}]),
        ("deadline", "10m", ("deadline",), "10m"),
        ("via", "rsync, http", ("via",), ["rsync", "http"]),
        ("priority", "low", ("priority",), "low"),
    ],
)  # fmt: skip
def test_a_changed_field_changes_nothing_else(field: str, text: str, path: tuple[str, ...], value: object) -> None:
    changed = with_field(RULE, field, text)
    before, after = yaml.safe_load(RULE), yaml.safe_load(changed)
    found = after
    for step in path:
        found = found[step]
    assert found == value
    *above, last = path
    inner_before, inner_after = (data[above[0]] if above else data for data in (before, after))
    inner_before.pop(last, None), inner_after.pop(last, None)
    assert before == after
    assert "# why it is so" in changed and "# ours" in changed
    assert with_field(changed, field, text) == changed


def test_an_emptied_field_goes_and_takes_an_empty_match_with_it() -> None:
    without = with_field(with_field(RULE, "data_type", ""), "config_key", "")
    assert "match" not in yaml.safe_load(without)
    assert yaml.safe_load(with_field(without, "region", "eu-*"))["match"] == {"region": "eu-*"}


def test_yaml_that_cannot_be_read_has_no_form_and_is_not_touched() -> None:
    assert fields_of("name: [") is None
    with pytest.raises(EditRefused):
        with_field("name: [", "name", "x")
    with pytest.raises(EditRefused):
        with_field(RULE, "name", "")
