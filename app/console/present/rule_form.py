"""A rule as a form: its fields as short texts, and a changed field as an edit of the rule's YAML. Pure.

The YAML stays the truth: comments and everything that the form does not know are left as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from config.editing.edits import Delete, Edit, InsertKey, SetValue
from config.editing.errors import EditRefused
from config.editing.rules import parse_rule
from config.editing.splice import apply_edits
from config.types import PRIORITIES

MATCH = "match"
_COPIES = re.compile(r"^(?P<selector>.*\S)\s+x\s*(?P<copies>\d+|all)$")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the form: what it is called, where it stands in the rule, and an example."""

    id: str
    label: str
    path: tuple[str, ...]
    example: str


FIELDS = (
    Field("name", "name", ("name",), "what it is for, in a few words"),
    Field("data_type", "types", (MATCH, "data_type"), "games, npz; empty: all"),
    Field("config_key", "config", (MATCH, "config_key"), "hexagonal_*"),
    Field("path", "path", (MATCH, "path"), "selfplay/*"),
    Field("size", "size", (MATCH, "size"), ">100MB, 1GB..10GB"),
    Field("age", "age", (MATCH, "age"), ">1d, <6h"),
    Field("region", "region", (MATCH, "region"), "eu-*"),
    Field("place", "place", ("place",), "durable & region=eu-* x2; external"),
    Field("priority", "priority", ("priority",), "critical, high, normal, low"),
    Field("deadline", "deadline", ("deadline",), "10m"),
    Field("via", "via", ("via",), "rsync, http"),
)
BY_FIELD = {field.id: field for field in FIELDS}
NEW_RULE = "name: new rule\nmatch: {data_type: [games]}\nplace:\n  - {selector: durable, copies: 2}\n"
"""What a new rule starts as."""


def fields_of(yaml_text: str) -> dict[str, str] | None:
    """Return each field's text, or None while the YAML cannot be read."""
    try:
        rule = parse_rule(yaml_text)
    except EditRefused:
        return None
    return {field.id: _shown(field, _value(rule, field.path)) for field in FIELDS}


def with_field(yaml_text: str, field_id: str, text: str) -> str:
    """Return the YAML with one field changed, everything else as it is; an empty text removes the field.

    Raises EditRefused when the YAML, or the rule then, cannot be read.
    """
    field = BY_FIELD[field_id]
    rule = parse_rule(yaml_text)
    if _shown(field, _value(rule, field.path)) == text.strip():
        return yaml_text
    changed = apply_edits(yaml_text, *_edits(rule, field, _written(field, text.strip())))
    parse_rule(changed)
    return changed


def _edits(rule: dict[str, Any], field: Field, value: Any) -> tuple[Edit, ...]:
    *above, key = field.path
    inner = rule.get(MATCH) if above else rule
    known = isinstance(inner, dict) and key in inner
    if value is None:
        if not known:
            return ()
        alone = bool(above) and isinstance(inner, dict) and len(inner) == 1
        return (Delete(tuple(above) if alone else field.path),)
    if known:
        return (SetValue(field.path, value),)
    if above and not isinstance(inner, dict):
        whole = {key: value}
        return (SetValue((MATCH,), whole),) if MATCH in rule else (InsertKey((), MATCH, whole),)
    return (InsertKey(tuple(above), key, value),)


def _value(rule: dict[str, Any], path: tuple[str, ...]) -> Any:
    found: Any = rule
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _shown(field: Field, value: Any) -> str:
    if value is None:
        return ""
    if field.id == "place":
        places = value if isinstance(value, list) else [value]
        return "; ".join(_place_shown(place) for place in places)
    if field.id == "priority":
        return next((name for name, level in PRIORITIES.items() if level == value), str(value))
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return str(value)


def _place_shown(place: Any) -> str:
    if not isinstance(place, dict):
        return str(place)
    copies = place.get("copies")
    return f"{place.get('selector', '')}" + (f" x{copies}" if copies is not None else "")


def _written(field: Field, text: str) -> Any:
    if not text:
        return None
    if field.id == "place":
        return [_place_written(part.strip()) for part in text.split(";") if part.strip()] or None
    if field.id in {"data_type", "via"}:
        return [part.strip() for part in text.split(",") if part.strip()] or None
    return text


def _place_written(text: str) -> dict[str, Any]:
    found = _COPIES.match(text)
    if found is None:
        return {"selector": text}
    copies = found["copies"]
    return {"selector": found["selector"], "copies": copies if copies == "all" else int(copies)}
