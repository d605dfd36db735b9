"""What may be changed in the file's data: small edits by path, and what the data must be afterwards. Pure."""

from __future__ import annotations

import copy
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, TypeAlias

from config.document import Path
from config.editing.errors import EditRefused


@dataclass(frozen=True, slots=True)
class SetValue:
    """Put ``value`` in place of what is at ``path``, which must exist. ``source`` is how it is to be written in YAML,
    where that matters (an operator's own text with its comments); else it is written by us."""

    path: Path
    value: Any
    source: str | None = None


@dataclass(frozen=True, slots=True)
class InsertItem:
    """Insert ``value`` before item ``index`` of the list at ``path`` (its length: at the end)."""

    path: Path
    index: int
    value: Any
    source: str | None = None


@dataclass(frozen=True, slots=True)
class InsertKey:
    """Add ``key`` as the last one of the mapping at ``path``, which must not have it."""

    path: Path
    key: Hashable
    value: Any
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the key or list item at ``path``."""

    path: Path


@dataclass(frozen=True, slots=True)
class Rename:
    """Call the key at ``path`` otherwise; its place and its value stay."""

    path: Path
    key: str


Edit: TypeAlias = SetValue | InsertItem | InsertKey | Delete | Rename


def intended(data: Any, edit: Edit) -> Any:
    """Return what the data must be after an edit; the given data stays as it is. Raises EditRefused."""
    changed = copy.deepcopy(data)
    if isinstance(edit, (SetValue, Delete)):
        if not edit.path:
            raise EditRefused("the whole file cannot be replaced", "name a key")
        container, step = _at(changed, edit.path[:-1]), edit.path[-1]
        _require(container, step, edit.path)
        if isinstance(edit, SetValue):
            container[step] = copy.deepcopy(edit.value)
        else:
            del container[step]
        return changed
    if isinstance(edit, Rename):
        return _renamed(changed, edit)
    container = _at(changed, edit.path)
    if isinstance(edit, InsertItem):
        if not isinstance(container, list) or not 0 <= edit.index <= len(container):
            raise EditRefused(f"{_dotted(edit.path)} has no place {edit.index}", "read the file again")
        container.insert(edit.index, copy.deepcopy(edit.value))
        return changed
    if not isinstance(container, dict) or edit.key in container:
        raise EditRefused(f"{_dotted(edit.path)} cannot take the key {edit.key}", "read the file again")
    container[edit.key] = copy.deepcopy(edit.value)
    return changed


def _renamed(changed: Any, edit: Rename) -> Any:
    container = _at(changed, edit.path[:-1])
    _require(container, edit.path[-1], edit.path)
    if not isinstance(container, dict) or edit.key in container:
        raise EditRefused(f"{_dotted(edit.path)} cannot be called {edit.key}", "read the file again")
    items = [(edit.key if name == edit.path[-1] else name, value) for name, value in container.items()]
    container.clear()
    container.update(items)
    return changed


def _at(data: Any, path: Path) -> Any:
    for length, step in enumerate(path, start=1):
        _require(data, step, path[:length])
        data = data[step]
    return data


def _require(container: Any, step: Hashable, path: Path) -> None:
    found = (isinstance(container, dict) and step in container) or (
        isinstance(container, list) and isinstance(step, int) and 0 <= step < len(container)
    )
    if not found:
        raise EditRefused(f"{_dotted(path)} is not in the file", "read the file again: it changed")


def _dotted(path: Path) -> str:
    return ".".join(str(step) for step in path) or "the file"
