"""The file as a tree of nodes with their places in the text, for cutting and inserting."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import yaml

from config.document import Path
from config.editing.errors import EditRefused

BOM = "\ufeff"

_TEXTS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:timestamp")
"""Tags of keys that stay as they are written; a document leaves dates as text."""


@dataclass(frozen=True, slots=True)
class Text:
    """A file's text with its node tree. Offsets count characters of ``text``, a leading BOM included."""

    text: str
    root: yaml.Node | None
    shared: frozenset[int]
    """``id`` of every node that aliases refer to, and of all inside it: their place is elsewhere than their use."""
    shift: int

    @property
    def newline(self) -> str:
        """The line end that the file uses."""
        return "\r\n" if "\r\n" in self.text else "\n"

    def start(self, node: yaml.Node) -> int:
        """Return where a node begins."""
        return int(node.start_mark.index) + self.shift

    def end(self, node: yaml.Node) -> int:
        """Return where a node's last character is over: a block's end mark lies past comments that follow it."""
        if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            if isinstance(node, yaml.MappingNode):
                key, value = last
                return max(self.end(value), self.start(value), self._after_colon(key))
            return max(self.end(last), self.start(last))
        return (
            len(self.text[: int(node.end_mark.index) + self.shift].rstrip("\r\n"))
            if _is_block(node)
            else (int(node.end_mark.index) + self.shift)
        )

    def comment_end(self, offset: int) -> int:
        """Return where a comment behind ``offset`` on the same line is over, or the offset."""
        rest = self.text[offset : self.line_end(offset)].rstrip()
        return offset + len(rest) if rest.lstrip().startswith("#") else offset

    def line_start(self, offset: int) -> int:
        """Return where the line of ``offset`` begins."""
        return self.text.rfind("\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """Return where the next line begins, or the end of the text."""
        found = self.text.find("\n", offset)
        return len(self.text) if found < 0 else found + 1

    def column(self, offset: int) -> int:
        """Return how far an offset is indented; a BOM before it is no indentation."""
        begin = self.line_start(offset)
        return offset - (begin or self.shift)

    def dash(self, item: int) -> int:
        """Return where the dash of a block list's item is, which may stand on a line of its own above the item."""
        line = self.line_start(item)
        found = self.text.rfind("-", line, item)
        while found < 0 and line > 0:
            end, line = line, self.line_start(line - 1)
            if self.text[line:end].lstrip().startswith("-"):
                found = self.text.index("-", line)
        return found

    def comma(self, offset: int) -> int | None:
        """Return where the comma is that follows an element of a flow collection, or None when there is none."""
        while offset < len(self.text):
            if self.text[offset] == ",":
                return offset
            if self.text[offset] == "#":
                offset = self.line_end(offset)
            elif self.text[offset].isspace():
                offset += 1
            else:
                return None
        return None

    def line(self, offset: int) -> int:
        """Return the 1-based line number of an offset."""
        return self.text.count("\n", 0, offset) + 1

    def refuse(self, node: yaml.Node, cause: str) -> EditRefused:
        """Return the refusal of an edit at a node."""
        return EditRefused(cause, "edit the file by hand at that line", node.start_mark.line + 1)

    def _after_colon(self, key: yaml.Node) -> int:
        end = int(key.end_mark.index) + self.shift
        return self.text.index(":", end) + 1


def read(text: str) -> Text:
    """Return a text's nodes; raises EditRefused when it is not one YAML document."""
    shift = 1 if text.startswith(BOM) else 0
    try:
        root = yaml.compose(text.removeprefix(BOM), Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise EditRefused("the file is not valid YAML", "mend it first", mark.line + 1 if mark else None) from error
    return Text(text, root, _shared(root), shift)


def find(text: Text, path: Path) -> yaml.Node | None:
    """Return the node of the value at a path, or None when the file does not hold it. Raises EditRefused for places
    reached through an alias or a merge."""
    node = text.root
    for step in path:
        if node is None:
            return None
        if id(node) in text.shared:
            raise text.refuse(node, "this part is used more than once in the file (an anchor)")
        node = _child(node, step)
    if node is not None and id(node) in text.shared:
        raise text.refuse(node, "this part is used more than once in the file (an anchor)")
    return node


def key_node(mapping: yaml.MappingNode, step: Hashable) -> yaml.Node | None:
    """Return the node of a key itself."""
    return next((key for key, _ in mapping.value if _constructed(key) == step), None)


def _child(node: yaml.Node, step: Hashable) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        # The last of two equal keys counts, as everywhere.
        found = [value for key, value in node.value if _constructed(key) == step]
        return found[-1] if found else None
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and 0 <= step < len(node.value):
        item: yaml.Node = node.value[step]
        return item
    return None


def _constructed(key: yaml.Node) -> Hashable:
    """Return a key as the document has it."""
    if not isinstance(key, yaml.ScalarNode):
        return None
    if key.tag in _TEXTS:
        return str(key.value)
    loader = yaml.SafeLoader("")
    try:
        value: Hashable = loader.construct_object(key)
    except yaml.YAMLError:
        return str(key.value)
    finally:
        loader.dispose()
    return value


def _is_block(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")


def _shared(root: yaml.Node | None) -> frozenset[int]:
    """Return the nodes that are met twice, and everything inside them."""
    seen: set[int] = set()
    twice: list[yaml.Node] = []
    pending = [root] if root is not None else []
    while pending:
        node = pending.pop()
        if id(node) in seen:
            twice.append(node)
            continue
        seen.add(id(node))
        pending.extend(_children(node))
    inside: set[int] = set()
    while twice:
        node = twice.pop()
        if id(node) not in inside:
            inside.add(id(node))
            twice.extend(_children(node))
    return frozenset(inside)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    return []
