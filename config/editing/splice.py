"""Edits of a text by the marks of its nodes: what lies outside an edit stays byte for byte.

No round-trip dumper preserves the users' files, so the text itself is cut and joined. Each edit is proven: the new
text is parsed again, and refused unless its data is exactly what was intended.
"""

from __future__ import annotations

from typing import Any

import yaml

from config.document import Path
from config.editing import writing
from config.editing.edits import Delete, Edit, InsertItem, InsertKey, Rename, SetValue, intended
from config.editing.errors import EditRefused
from config.editing.nodes import Text, find, key_node, read
from config.editing.reading import parsed

DEFAULT_INDENT = 2


def apply_edits(text: str, *edits: Edit) -> str:
    """Return the text after all edits, in order; raises EditRefused, with nothing changed."""
    for edit in edits:
        text = _apply(text, edit)
    return text


def _apply(text: str, edit: Edit) -> str:
    before = parsed(text)
    if before.findings:
        found = before.findings[0]
        raise EditRefused(found.message, found.remedy, found.line)
    wanted = intended(before.data, edit)
    changed = _spliced(read(text), edit)
    after = parsed(changed)
    if after.findings or not _equal(after.data, wanted):
        raise EditRefused(
            "the edit would change more than it says: the file is written in a way that cannot be edited safely here",
            "edit the file by hand",
            before.mark(edit.path).line,
        )
    return changed


def _spliced(text: Text, edit: Edit) -> str:
    if isinstance(edit, SetValue):
        return _set_value(text, edit)
    if isinstance(edit, Delete):
        return _delete(text, edit.path)
    if isinstance(edit, Rename):
        return _rename(text, edit)
    container = _must_find(text, edit.path)
    if isinstance(edit, InsertItem):
        return _insert_item(text, container, edit)
    return _insert_key(text, container, edit)


def _rename(text: Text, edit: Rename) -> str:
    parent = _must_find(text, edit.path[:-1])
    key = key_node(parent, edit.path[-1]) if isinstance(parent, yaml.MappingNode) else None
    if key is None:
        raise EditRefused(f"{'.'.join(map(str, edit.path))} is not in the file", "read the file again: it changed")
    return _cut(text, text.start(key), text.end(key), writing.key(edit.key))


def _set_value(text: Text, edit: SetValue) -> str:
    node, parent = _must_find(text, edit.path), _must_find(text, edit.path[:-1])
    start, end = text.start(node), text.end(node)
    if isinstance(parent, yaml.CollectionNode) and parent.flow_style:
        return _cut(text, start, end, writing.flow(edit.value))
    source = edit.source if edit.source is not None else writing.block(edit.value)
    multiline = "\n" in source or writing.spans_lines(edit.value)
    if isinstance(parent, yaml.SequenceNode):
        column = start - text.line_start(start)
        if start == end:
            raise text.refuse(node, "this list item is empty")
        if edit.source is not None:
            end = text.comment_end(end)
        return _cut(text, start, end, writing.indented(source, column, text.newline).lstrip(" "))
    if not multiline:
        empty = start == end
        return _cut(text, start, end, (" " if empty and not text.text[start - 1].isspace() else "") + source)
    assert isinstance(parent, yaml.MappingNode)
    key = key_node(parent, edit.path[-1])
    assert key is not None
    indent = text.column(text.start(key)) + DEFAULT_INDENT
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        line = text.line_start(start)
        return _cut(text, line, end, writing.indented(source, start - line, text.newline))
    body = text.newline + writing.indented(source, indent, text.newline)
    while text.text[start - 1] == " ":
        start -= 1
    # A comment behind the old value is about the key: it stays on the key's line.
    beside = text.text[end : text.comment_end(end)]
    return _cut(text, start, end + len(beside), beside + body)


def _delete(text: Text, path: Path) -> str:
    node, parent = _must_find(text, path), _must_find(text, path[:-1])
    if isinstance(parent, yaml.CollectionNode) and parent.flow_style:
        return _delete_in_flow(text, parent, path)
    if len(parent.value) == 1:
        empty = "{}" if isinstance(parent, yaml.MappingNode) else "[]"
        return _empty(text, parent, path[:-1], empty)
    if isinstance(parent, yaml.SequenceNode):
        first = text.dash(text.start(node))
        alone = not text.text[text.line_start(first) : first].strip()
    else:
        first = _first_of_key(text, parent, path[-1])
        before = text.text[text.line_start(first) : first]
        alone = before.strip(" -") == "" and before.count("-") <= 1
    begin = text.line_start(first)
    if not alone:
        raise text.refuse(node, "it shares its line with something else")
    if isinstance(parent, yaml.MappingNode) and "-" in text.text[begin:first]:
        return _delete_first_key(text, parent, first)
    return _cut(text, begin, text.line_end(max(text.end(node), first)), "")


def _delete_first_key(text: Text, parent: yaml.MappingNode, first: int) -> str:
    """The first key of a mapping that is a list item stands behind its dash: what follows (the next key, or a comment
    above it) takes its place."""
    second = text.line_end(max(text.end(parent.value[0][1]), first))
    while text.text[second].isspace():
        second += 1
    return _cut(text, first, second, "")


def _delete_in_flow(text: Text, parent: yaml.CollectionNode, path: Path) -> str:
    if isinstance(parent, yaml.MappingNode):
        wanted = key_node(parent, path[-1])
        spans = [(text.start(key), text.end(value), key is wanted) for key, value in parent.value]
    else:
        spans = [(text.start(item), text.end(item), index == path[-1]) for index, item in enumerate(parent.value)]
    at = next(index for index, span in enumerate(spans) if span[2])
    start, end = spans[at][:2]
    comma = text.comma(end)
    if comma is None and at:
        # The last one takes the comma before it along, where that is on its line; else it may stay.
        before = text.comma(spans[at - 1][1])
        assert before is not None
        if not text.text[before + 1 : start].strip(" "):
            return _cut(text, before, end, "")
    stop = end if comma is None else comma + 1
    begin, after = text.line_start(start), text.line_end(stop)
    if not text.text[begin:start].strip() and text.comment_end(stop) >= after - len(text.newline):
        return _cut(text, begin, after, "")
    while comma is not None and text.text[stop] == " ":
        stop += 1
    return _cut(text, start, stop, "")


def _empty(text: Text, parent: yaml.Node, path: Path, empty: str) -> str:
    """Write ``[]`` or ``{}`` beside the key of a block collection whose last element goes."""
    above = _must_find(text, path[:-1]) if path else None
    if not isinstance(above, yaml.MappingNode) or above.flow_style:
        raise text.refuse(parent, "this is the last element of an unnamed list or mapping")
    key = key_node(above, path[-1])
    assert key is not None
    colon = text.text.index(":", text.end(key)) + 1
    begin, last = text.line_start(text.start(parent)), text.line_end(text.end(parent))
    if begin <= colon:
        raise text.refuse(parent, "it shares its line with its key")
    between = text.text[colon:begin]
    return text.text[:colon] + " " + empty + between + text.text[last:]


def _insert_item(text: Text, node: yaml.Node, edit: InsertItem) -> str:
    source = edit.source if edit.source is not None else writing.block(edit.value)
    if not isinstance(node, yaml.SequenceNode):
        raise text.refuse(node, "this is not a list")
    if node.flow_style:
        return _insert_in_flow(text, node, edit) if node.value else _below_key(text, edit.path, node, source, True)
    if edit.index < len(node.value):
        dash = text.dash(text.start(node.value[edit.index]))
        line = text.line_start(dash)
        return _cut(text, line, line, _as_item(text, source, dash - line) + text.newline)
    last = node.value[-1]
    dash = text.dash(text.start(last))
    return _append_lines(text, text.end(node), _as_item(text, source, dash - text.line_start(dash)))


def _insert_in_flow(text: Text, node: yaml.SequenceNode, edit: InsertItem) -> str:
    written = writing.flow(edit.value)
    if edit.index < len(node.value):
        at = text.start(node.value[edit.index])
        return _cut(text, at, at, written + ", ")
    at = text.end(node.value[-1])
    return _cut(text, at, at, ", " + written)


def _insert_key(text: Text, node: yaml.Node, edit: InsertKey) -> str:
    source = edit.source if edit.source is not None else writing.block(edit.value)
    if not isinstance(node, yaml.MappingNode):
        raise text.refuse(node, "this is not a mapping")
    if node.flow_style and node.value:
        at = text.end(node.value[-1][1])
        return _cut(text, at, at, f", {writing.key(edit.key)}: {writing.flow(edit.value)}")
    pair = _pair(edit.key, edit.value, source)
    if not node.value:
        return _below_key(text, edit.path, node, pair, False)
    first = text.start(node.value[0][0])
    column = text.column(first)
    return _append_lines(text, text.end(node), writing.indented(pair, column, text.newline))


def _pair(key: Any, value: Any, source: str) -> str:
    if "\n" not in source and not writing.spans_lines(value):
        return f"{writing.key(key)}: {source}"
    return f"{writing.key(key)}:\n{writing.indented(source, DEFAULT_INDENT, chr(10))}"


def _below_key(text: Text, path: Path, node: yaml.Node, source: str, item: bool) -> str:
    """Write the first element of an empty flow collection (``[]``, ``{}``) below its key, in block style."""
    above = _must_find(text, path[:-1]) if path else None
    if not isinstance(above, yaml.MappingNode) or above.flow_style:
        raise text.refuse(node, "an empty list or mapping here cannot be filled")
    key = key_node(above, path[-1])
    assert key is not None
    column = text.column(text.start(key)) + DEFAULT_INDENT
    body = _as_item(text, source, column) if item else writing.indented(source, column, text.newline)
    start, end = text.start(node), text.end(node)
    while text.text[start - 1] == " ":
        start -= 1
    rest = text.text[end : text.line_end(end)]
    return (
        text.text[:start]
        + rest.rstrip("\r\n")
        + text.newline
        + body
        + _ending(rest, text)
        + text.text[text.line_end(end) :]
    )


def _ending(rest: str, text: Text) -> str:
    return text.newline if rest.endswith("\n") else ""


def _as_item(text: Text, source: str, column: int) -> str:
    """Return a value as a list item whose dash stands at ``column``."""
    body = writing.indented(source, column + 2, text.newline)
    return " " * column + "- " + body[column + 2 :]


def _append_lines(text: Text, after: int, lines: str) -> str:
    """Insert whole lines behind the line that holds the offset; a missing newline at the end stays missing."""
    at = text.line_end(after)
    if at > 0 and text.text[at - 1 : at] != "\n":
        return text.text[:at] + text.newline + lines + text.text[at:]
    return text.text[:at] + lines + text.newline + text.text[at:]


def _first_of_key(text: Text, parent: yaml.Node, step: Any) -> int:
    assert isinstance(parent, yaml.MappingNode)
    key = key_node(parent, step)
    assert key is not None
    return text.start(key)


def _must_find(text: Text, path: Path) -> yaml.Node:
    node = find(text, path)
    if node is None:
        raise EditRefused(f"{'.'.join(map(str, path))} is not in the file", "read the file again: it changed")
    return node


def _cut(text: Text, start: int, end: int, instead: str) -> str:
    return text.text[:start] + instead + text.text[end:]


def _equal(found: Any, wanted: Any) -> bool:
    """Compare data strictly: 1, True and 1.0 are different values in a file."""
    if type(found) is not type(wanted):
        return False
    if isinstance(found, dict):
        return list(map(_typed, found)) == list(map(_typed, wanted)) and all(
            _equal(found[key], wanted[key]) for key in found
        )
    if isinstance(found, list):
        return len(found) == len(wanted) and all(map(_equal, found, wanted))
    return bool(found == wanted) or (found != found and wanted != wanted)


def _typed(key: Any) -> tuple[str, Any]:
    return type(key).__name__, key
