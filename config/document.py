"""The file as text: its data, and the line and column of every key and value in it.

One ``compose`` gives the nodes, from which both the data and the marks are made, so that the two can never
disagree. YAML that does not parse and duplicate keys become findings, with data as far as there is any.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

import yaml

from config.types import LintFinding, Severity

Step: TypeAlias = Hashable
Path: TypeAlias = tuple[Step, ...]
"""Keys and list indexes from the top of the file to a value."""

_MAX_POSITIONS = 200_000
"""Positions recorded at most: a file that repeats aliases of aliases would otherwise grow without end."""

_MERGE = "tag:yaml.org,2002:merge"

_CONTROL = re.compile("[^\\t\\n\\r -~\\x85\\xa0-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
"""What YAML 1.1 lets no stream hold (5.1, c-printable)."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the file, both 1-based."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """One read of the file. ``data`` is what ``yaml.safe_load`` would give, with dates left as text."""

    file: str
    text: str
    digest: str
    data: Any
    keys: Mapping[Path, Mark] = field(default_factory=dict)
    values: Mapping[Path, Mark] = field(default_factory=dict)
    findings: tuple[LintFinding, ...] = ()

    def has(self, path: Path) -> bool:
        """Return whether the file holds something at ``path``."""
        return path in self.values

    def mark(self, path: Path) -> Mark:
        """Return where ``path`` begins (its key, for a list item the item), else where its nearest parent does."""
        for length in range(len(path), 0, -1):
            found = self.keys.get(path[:length]) or self.values.get(path[:length])
            if found is not None:
                return found
        return Mark(1, 1)

    def value_mark(self, path: Path) -> Mark:
        """Return where the value at ``path`` begins, else as ``mark``."""
        return self.values.get(path) or self.mark(path)

    def line(self, path: Path) -> int | None:
        """Return the line of ``path`` itself, or None when the file does not hold it."""
        return self.mark(path).line if self.has(path) else None

    def dotted(self, path: Path) -> str:
        """Return a path as an operator reads it: ``hosts.vast-1.ssh_port``, ``sync_routing.rules[1]``."""
        text, container = "", self.data
        for step in path:
            if isinstance(container, list):
                text += f"[{cast(int, step) + 1}]"
            elif _is_wrapping(container, step):
                continue
            else:
                text += f".{step}" if text else str(step)
            container = _inside(container, step)
        return text or "the file"

    def keys_at(self, path: Path) -> tuple[Step, ...]:
        """Return the keys of the mapping at ``path``; none when there is no mapping."""
        container = self.data
        for step in path:
            container = _inside(container, step)
        return tuple(container) if isinstance(container, dict) else ()

    def child(self, path: Path, step: Step) -> Path | None:
        """Return the path of the key below ``path`` that ``step`` stands for, or None when there is none.

        The key is as YAML read it: an unquoted ``on:`` is True, which equals 1; where ``step`` is only the text of
        a key that is no text (``null:``, ``1.5:``), it is that key.
        """
        keys = self.keys_at(path)
        if self.has((*path, step)):
            return (*path, next((key for key in keys if key == step), step))
        return next(((*path, key) for key in keys if not isinstance(key, str) and str(key) == step), None)


def _is_wrapping(container: Any, step: Step) -> bool:
    """Return whether a step is only its reader's: a bare item read as a list of one, bare text as a mapping."""
    index = isinstance(step, int) and not isinstance(step, bool)
    return isinstance(container, str) or (index and isinstance(container, dict) and step not in container)


def _inside(container: Any, step: Step) -> Any:
    if isinstance(container, list):
        return container[step] if isinstance(step, int) and step < len(container) else None
    return container.get(step) if isinstance(container, dict) else None


def parse_document(text: str, file: str) -> Document:
    """Return the document in ``text``; never raises for bad content (see ``Document.findings``)."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    if (at := _CONTROL.search(text.removeprefix("\ufeff"))) is not None:
        return Document(file, text, digest, None, findings=(_control_finding(text.removeprefix("\ufeff"), at, file),))
    try:
        loader = _Loader(text.removeprefix("\ufeff"))
        try:
            root = loader.get_single_node()
            if root is None:
                return Document(file, text, digest, None)
            findings = tuple(_duplicate_keys(loader, root, file))
            data = loader.construct_document(root)
            keys, values = _positions(loader, root)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        return Document(file, text, digest, None, findings=(_syntax_finding(error, file),))
    except RecursionError:
        cause = yaml.YAMLError("values are nested too deeply")
        return Document(file, text, digest, None, findings=(_syntax_finding(cause, file),))
    return Document(file, text, digest, data, keys, values, findings)


class _Loader(yaml.CSafeLoader):
    """The safe loader, except that dates stay text: a note that reads 2025-12-30 is a note."""

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Return a whole number; a value such as ``0x_`` is an error with its place instead of a ValueError."""
        try:
            return int(super().construct_yaml_int(node))
        except ValueError as error:
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error

    def construct_text(self, node: yaml.ScalarNode) -> str:
        """Return a scalar as it is written."""
        return str(self.construct_scalar(node))


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_text)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def _duplicate_keys(loader: _Loader, root: yaml.Node, file: str) -> Iterator[LintFinding]:
    """Yield a finding for every key that repeats an earlier one of its mapping.

    Must run before the data is constructed: that copies merged keys (``<<``) into the nodes.
    """
    pending: list[tuple[yaml.Node, str]] = [(root, "")]
    visited: set[int] = set()
    while pending:
        node, above = pending.pop()
        if id(node) in visited:
            continue
        visited.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            pending.extend((item, f"{above}[{index + 1}]") for index, item in enumerate(node.value))
        if not isinstance(node, yaml.MappingNode):
            continue
        firsts: dict[Step, yaml.Mark] = {}
        for key_node, value_node in node.value:
            key = "<<" if key_node.tag == _MERGE else loader.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                continue
            dotted = f"{above}.{key}" if above else str(key)
            if key in firsts:
                yield _duplicate_finding(file, dotted, firsts[key], key_node.start_mark)
            firsts.setdefault(key, key_node.start_mark)
            pending.append((value_node, dotted))


def _duplicate_finding(file: str, key: str, first: yaml.Mark, mark: yaml.Mark) -> LintFinding:
    one_line = first.line == mark.line
    places = [f"line {at.line + 1}" + (f", column {at.column + 1}" if one_line else "") for at in (first, mark)]
    return LintFinding(
        rule="duplicate-key",
        severity=Severity.ERROR,
        file=file,
        line=mark.line + 1,
        column=mark.column + 1,
        message=f"{key} is written twice; {places[0]} has it first, and only the last one counts",
        remedy=f"keep one of {places[0]} and {places[1]}",
        key=key,
    )


def _positions(loader: _Loader, root: yaml.Node) -> tuple[dict[Path, Mark], dict[Path, Mark]]:
    """Return the marks of all keys and of all values; the root's own is the value at ``()``."""
    keys: dict[Path, Mark] = {}
    values: dict[Path, Mark] = {}
    pending: list[tuple[yaml.Node, Path, frozenset[int]]] = [(root, (), frozenset())]
    while pending and len(values) < _MAX_POSITIONS:
        node, path, ancestors = pending.pop()
        values[path] = Mark(node.start_mark.line + 1, node.start_mark.column + 1)
        if id(node) in ancestors:
            continue
        inner = ancestors | {id(node)}
        if isinstance(node, yaml.SequenceNode):
            pending.extend((item, (*path, index), inner) for index, item in enumerate(node.value))
        elif isinstance(node, yaml.MappingNode):
            children: dict[Path, yaml.Node] = {}
            for key_node, value_node in node.value:
                child = (*path, loader.construct_object(key_node, deep=True))
                keys[child] = Mark(key_node.start_mark.line + 1, key_node.start_mark.column + 1)
                children[child] = value_node
            pending.extend((value_node, child, inner) for child, value_node in children.items())
    return keys, values


def _syntax_finding(error: yaml.YAMLError, file: str) -> LintFinding:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    return LintFinding(
        rule="yaml-syntax",
        severity=Severity.ERROR,
        file=file,
        line=mark.line + 1 if mark else 1,
        column=mark.column + 1 if mark else 1,
        message=f"this is not YAML: {problem}",
        remedy=_syntax_remedy(str(problem)),
    )


def _control_finding(text: str, at: re.Match[str], file: str) -> LintFinding:
    """Return the finding for a character that no YAML may hold; the parser itself does not say where it is."""
    line = text.count("\n", 0, at.start()) + 1
    column = at.start() - (text.rfind("\n", 0, at.start()) + 1) + 1
    message = f"this is not YAML: the control character {ord(at[0]):#04x} is not allowed"
    remedy = "remove the character; a text editor may show it as ^ and a letter"
    return LintFinding("yaml-syntax", Severity.ERROR, file, line, column, message, remedy, "")


def _syntax_remedy(problem: str) -> str:
    if "cannot start any token" in problem:
        return "indent with spaces instead of a tab, and put quotes around a value that begins with @, `, % or a tab"
    if "mapping values are not allowed" in problem:
        return "put quotes around a value that holds `: `, and give lines of one level the same indentation"
    if "undefined alias" in problem or "alphabetic or numeric" in problem:
        return "put quotes around a name or value that begins with *, as in '*': 50"
    if "single document" in problem or "another document" in problem:
        return "keep one document per file: remove the `---` in the middle"
    return "look at this line and the one above it: indentation, quotes, brackets and `key: value`"
