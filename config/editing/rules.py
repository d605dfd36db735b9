"""An edit of one routing rule: from an operator's YAML to edits of the file, and again onto a file that has changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from config.document import Document, Path, parse_document
from config.editing.edits import Delete, Edit, InsertItem, InsertKey, SetValue
from config.editing.errors import EditRefused
from config.editing.nodes import find, read
from config.editing.reading import parsed
from config.editing.splice import apply_edits

SECTION = "sync_routing"
RULES: Path = (SECTION, "rules")


@dataclass(frozen=True, slots=True)
class RuleEdit:
    """Put ``yaml`` (one rule) in place of the rule called ``replaces``, or as a new one before ``before`` (None: last).

    ``yaml`` "" removes the rule.
    """

    yaml: str
    replaces: str | None = None
    before: str | None = None


class Overlap(Exception):
    """Somebody else changed the same rule meanwhile; both versions of the place, as text ("" where it is gone)."""

    def __init__(self, theirs: str, ours: str) -> None:
        super().__init__("the same rule was changed meanwhile")
        self.theirs = theirs
        self.ours = ours


def apply_rule_edit(text: str, edit: RuleEdit, rules: Path = RULES) -> str:
    """Return the text with a rule edited; ``rules`` is where the list is. Raises EditRefused."""
    text = _with_list(text, rules)
    names = rule_names(text, rules)
    if edit.replaces is not None and edit.replaces not in names:
        raise EditRefused(f"there is no rule called {edit.replaces} in the file", "read the rules again")
    value = parse_rule(edit.yaml) if edit.yaml.strip() else None
    if value is not None and value["name"] in names and value["name"] != edit.replaces:
        raise EditRefused(f"there is a rule called {value['name']} already", "give the rule another name")
    return apply_edits(text, *_edits(text, edit, value, names, rules))


def merge_rule_edit(base: str, theirs: str, edit: RuleEdit, rules: Path = RULES) -> str:
    """Return ``theirs`` with an edit that was made against ``base``. Raises Overlap when both touch the same rule,
    EditRefused as ``apply_rule_edit`` does."""
    touched = edit.replaces
    if touched is not None and rule_text(base, touched, rules) != rule_text(theirs, touched, rules):
        if rule_text(theirs, touched, rules) == edit.yaml.strip("\n"):
            return theirs
        raise Overlap(rule_text(theirs, touched, rules), edit.yaml)
    if touched is None and edit.yaml.strip():
        name = parse_rule(edit.yaml)["name"]
        if name in rule_names(theirs, rules) and name not in rule_names(base, rules):
            raise Overlap(rule_text(theirs, name, rules), edit.yaml)
    known = edit.before in rule_names(theirs, rules)
    return apply_rule_edit(theirs, edit if known else RuleEdit(edit.yaml, edit.replaces), rules)


def parse_rule(yaml_text: str) -> dict[str, Any]:
    """Return a rule written by an operator as data; raises EditRefused with the line in that text."""
    # In the file a line follows: a block scalar at the end has its newline there.
    document = parse_document(yaml_text.rstrip("\n") + "\n", "the rule")
    if document.findings:
        found = document.findings[0]
        raise EditRefused(found.message, found.remedy, found.line)
    data = document.data
    if not isinstance(data, dict) or not isinstance(data.get("name"), str) or not data["name"]:
        raise EditRefused("a rule is a mapping with a name", "write `name: ...`, `match: ...` and `place: ...`", 1)
    return data


def rule_names(text: str, rules: Path = RULES) -> tuple[str, ...]:
    """Return the names of a file's rules, in order; "" for an item without one."""
    return tuple(_name(item) for item in _items(parsed(text), rules))


def rule_text(text: str, name: str, rules: Path = RULES) -> str:
    """Return a rule as it is written in the file, without its indentation; "" when there is none of that name."""
    names = rule_names(text, rules)
    if name not in names:
        return ""
    nodes = read(text)
    node = find(nodes, (*rules, names.index(name)))
    if node is None:
        return ""
    start, end = nodes.start(node), nodes.end(node)
    column = start - nodes.line_start(start)
    first, *rest = nodes.text[start : nodes.comment_end(end)].splitlines()
    return "\n".join([first, *(line[column:] if not line[:column].strip() else line for line in rest)])


def _edits(
    text: str, edit: RuleEdit, value: dict[str, Any] | None, names: Sequence[str], rules: Path
) -> tuple[Edit, ...]:
    if edit.replaces is not None:
        at = names.index(edit.replaces)
        if value is None:
            return (Delete((*rules, at)),)
        kept = names[:at] + names[at + 1 :] if isinstance(names, tuple) else names
        goal = kept.index(edit.before) if edit.before in kept else at
        if goal == at:
            return (SetValue((*rules, at), value, edit.yaml.rstrip("\n")),)
        return (Delete((*rules, at)), InsertItem(rules, goal, value, edit.yaml.rstrip("\n")))
    if value is None:
        raise EditRefused("nothing to add", "write the rule")
    place = names.index(edit.before) if edit.before in names else len(names)
    return _added(parsed(text), rules, place, value, edit.yaml.rstrip("\n"))


def _added(document: Document, rules: Path, place: int, value: dict[str, Any], source: str) -> tuple[Edit, ...]:
    """A new rule, with the list and the section that it needs."""
    if isinstance(_inside(document.data, rules), list):
        return (InsertItem(rules, place, value, source),)
    item = "- " + "\n".join(line if index == 0 else f"  {line}" for index, line in enumerate(source.splitlines()))
    if document.has(rules):
        return (SetValue(rules, [value], item),)
    section = rules[:-1]
    if section and not isinstance(_inside(document.data, section), dict):
        inner = f"{rules[-1]}:\n" + "\n".join(f"  {line}" for line in item.splitlines())
        if document.has(section):
            return (SetValue(section, {rules[-1]: [value]}, inner),)
        return (InsertKey((), section[0], {rules[-1]: [value]}, inner),)
    return (InsertKey(section, rules[-1], [value], item),)


def _with_list(text: str, rules: Path) -> str:
    """Return a text that holds nothing but comments with an empty list, which rules can be put into."""
    document = parsed(text)
    if document.findings or document.data is not None or len(rules) != 1:
        return text
    return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{rules[0]}: []\n"


def _items(document: Document, rules: Path) -> list[Any]:
    found = _inside(document.data, rules)
    return found if isinstance(found, list) else []


def _inside(data: Any, path: Path) -> Any:
    for step in path:
        if not isinstance(data, dict) or step not in data:
            return None
        data = data[step]
    return data


def _name(item: Any) -> str:
    name = item.get("name") if isinstance(item, dict) else None
    return name if isinstance(name, str) else ""
