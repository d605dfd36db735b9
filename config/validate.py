"""The document against the schema: every wrong type or value becomes a finding with its place and remedy."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config.document import Document, Mark, Path
from config.errors import ConfigError
from config.schema.base import Section
from config.schema.cluster import ClusterFile
from config.types import LintFinding, Severity

_PRUNE_ROUNDS = 10
"""Each round removes what is wrong one level deeper; the schema is not nested deeper than this."""

_WRONG_TYPE_REMEDIES: Mapping[str, str] = {
    "string_type": "put the value in quotes",
    "int_type": "write a whole number",
    "int_parsing": "write a whole number, without a unit",
    "int_from_float": "write a whole number",
    "float_type": "write a number",
    "float_parsing": "write a number, without a unit",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
    "list_type": "write a list: one `- item` on each line",
    "tuple_type": "write a list: one `- item` on each line",
    "dict_type": "write `key: value` lines below it",
    "model_type": "write `key: value` lines below it",
    "model_attributes_type": "write `key: value` lines below it",
}
_OWN_RULES = frozenset({"rule-selector", "landing-template", "host-name"})
_TYPE_WORDS: Mapping[type, str] = {
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "a mapping",
    type(None): "nothing",
}


def validate(document: Document) -> tuple[ClusterFile | None, tuple[LintFinding, ...]]:
    """Return the validated file and what is wrong with it.

    With findings, the file returned is what is left without the wrong parts: good enough to lint further,
    never to act on. None when nothing usable is left. Raises ``ConfigError`` when the document is not a
    mapping with hosts: then there is nothing to say about it line by line.
    """
    if not _parsed(document):
        return None, ()
    _require_hosts(document)
    data = document.data
    findings: tuple[LintFinding, ...] = ()
    for _ in range(_PRUNE_ROUNDS):
        try:
            return ClusterFile.model_validate(data), findings
        except ValidationError as error:
            errors = error.errors(include_url=False)
        findings = findings or _findings(document, errors)
        data = _pruned(data, [_path(document, details["loc"]) for details in errors])
    return None, findings


def validate_section(document: Document, kind: type[Section]) -> tuple[Section | None, tuple[LintFinding, ...]]:
    """Return a document as one section, and what is wrong with it; None when anything is."""
    try:
        return kind.model_validate(document.data), ()
    except ValidationError as error:
        return None, _findings(document, error.errors(include_url=False))


def _findings(document: Document, errors: list[ErrorDetails]) -> tuple[LintFinding, ...]:
    """Return one finding per place and rule; the members of a union each report the same value."""
    found: dict[tuple[int, int, str], LintFinding] = {}
    for details in errors:
        finding = _finding(document, details)
        found.setdefault((finding.line, finding.column, finding.rule), finding)
    return tuple(found.values())


def _parsed(document: Document) -> bool:
    return not any(finding.rule == "yaml-syntax" for finding in document.findings)


def _require_hosts(document: Document) -> None:
    remedy = "begin from the commented template, or name the right file with --config"
    if not isinstance(document.data, dict):
        found = "empty" if document.data is None else _TYPE_WORDS.get(type(document.data), "something else")
        raise ConfigError(document.file, 1, 1, "", f"the file is {found}, not a mapping with `hosts:`", remedy)
    hosts = document.data.get("hosts")
    if isinstance(hosts, dict) and hosts:
        return
    mark = document.mark(("hosts",)) if "hosts" in document.data else Mark(1, 1)
    if "hosts" in document.data:
        cause = "`hosts:` holds no host" if not hosts else "`hosts:` is not a mapping of host names"
        remedy = "write each host as `name:` with its keys below it"
    else:
        near = difflib.get_close_matches("hosts", [str(key) for key in document.data], 1, 0.6)
        cause = "there is no `hosts:` section" + (f"; is `{near[0]}:` meant?" if near else "")
    raise ConfigError(document.file, mark.line, mark.column, "hosts", cause, remedy)


def _path(document: Document, loc: tuple[int | str, ...]) -> Path:
    """Return the part of a pydantic location that is in the file; union members and the like are not."""
    path: Path = ()
    for step in loc:
        path = document.child(path, step) or path
    return path


def _finding(document: Document, details: ErrorDetails) -> LintFinding:
    path = _path(document, details["loc"])
    kind = details["type"]
    if kind == "missing":
        key = str(details["loc"][-1])
        mark, rule = document.mark(path), "missing-key"
        near = difflib.get_close_matches(key, [str(found) for found in document.keys_at(path)], 1, 0.6)
        message = f"{document.dotted(path)} has no `{key}`" + (f"; is `{near[0]}` meant for it?" if near else "")
        remedy = f"write `{key}` for `{near[0]}`" if near else f"add `{key}: ...` below line {mark.line}"
    else:
        mark = document.mark(path) if _about_key(details) else document.value_mark(path)
        rule = _rule_of(kind)
        message = f"{document.dotted(path)}: {_problem(details, document, path)}"
        remedy = _remedy(details, path)
    return LintFinding(
        rule, Severity.ERROR, document.file, mark.line, mark.column, message, remedy, document.dotted(path)
    )


def _about_key(details: ErrorDetails) -> bool:
    """Return whether it is the key that is wrong, not the value under it."""
    return "[key]" in details["loc"] or details["type"] == "invalid_key"


def _rule_of(kind: str) -> str:
    if kind in _OWN_RULES:
        return kind
    return "wrong-type" if kind in _WRONG_TYPE_REMEDIES else "wrong-value"


def _problem(details: ErrorDetails, document: Document, path: Path) -> str:
    kind, found = details["type"], details["input"]
    if any(isinstance(step, bool) for step in path):
        return "the key is read as true or false; YAML takes on, off, yes and no for those unless they are in quotes"
    if _about_key(details) and kind == "string_type":
        return f"the name should be text, but YAML reads it as {_described(found)}"
    if kind in _WRONG_TYPE_REMEDIES:
        return f"should be {_wanted(details['msg'])}, but is {_described(found)}"
    message = details["msg"].replace("Input should be", "should be")
    return f"{message}, but is {found!r}" if message != details["msg"] else message


def _wanted(message: str) -> str:
    """Return what pydantic's message asks for, without the names of its own classes and steps."""
    wanted = message.removeprefix("Input should be ").split(", unable")[0].split(", got")[0].split(" or instance")[0]
    return wanted.replace("valid dictionary", "mapping").replace("valid ", "").replace("a integer", "an integer")


def _described(found: Any) -> str:
    words = _TYPE_WORDS.get(type(found), type(found).__name__)
    return words if found is None or isinstance(found, list | dict) else f"{words}: {found!r}"


def _remedy(details: ErrorDetails, path: Path) -> str:
    kind = details["type"]
    if any(isinstance(step, bool) or not isinstance(step, int | str) for step in path):
        return "put the key in quotes"
    if "[key]" in details["loc"] and kind == "string_type":
        return "put the name in quotes"
    if kind in _WRONG_TYPE_REMEDIES:
        return _WRONG_TYPE_REMEDIES[kind]
    if kind == "rule-selector":
        return "see the selector language in docs/configuration.md"
    if kind == "host-name":
        return "rename the host"
    if kind == "unit":
        return "write a number and its unit in quotes"
    if kind in ("enum", "literal_error"):
        return "write one of the values that the message names"
    return "correct the value, or remove the key to have the default"


def _pruned(data: Any, paths: list[Path]) -> Any:
    """Return a copy of the data without the mapping keys that hold ``paths``.

    A list with a wrong item goes as a whole: without the item alone, the marks of those after it would be off.
    """
    pruned = copy.deepcopy(data)
    for path in paths:
        holder, key, container = None, None, pruned
        for step in path:
            if not _has(container, step):
                break
            if isinstance(container, dict):
                holder, key = container, step
            container = container[step]
        if holder is not None:
            holder.pop(key, None)
    return pruned


def _has(container: Any, step: Any) -> bool:
    if isinstance(container, list):
        return isinstance(step, int) and step < len(container)
    return isinstance(container, dict) and step in container
