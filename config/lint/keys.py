"""Keys that nobody reads: misspelt ones, and those of tools that expected another file."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from config.document import Path
from config.lint.rule import Context, Hit, LintRule
from config.schema.base import Section
from config.schema.data_plane import DataPlane
from config.schema.host import Host
from config.schema.rule import Rule
from config.schema.sections import AutoSync, SyncRouting
from config.types import Severity

_NEAR = 0.75
"""How alike two keys must be (difflib ratio) for one to count as a misspelling of the other."""

FOREIGN_HOST_KEYS = {
    "ssh": "ssh_host",
    "host": "ssh_host",
    "public_ip": "ssh_host",
    "user": "ssh_user",
    "port": "ssh_port",
    "hostname": "ssh_host",
    "address": "ssh_host",
    "ip": "ssh_host",
    "data_path": "ringrift_path",
    "priority": "sync_routing.priority_hosts",
    "enabled": "status, or data_plane.nodes",
}
"""Keys that some of the old scripts look for in a host, and what every other reader calls them."""

FOREIGN_SECTIONS = {"nodes": "hosts", "workers": "hosts", "machines": "hosts"}

_SECTIONS: dict[str, type[Section]] = {"sync_routing": SyncRouting, "auto_sync": AutoSync, "data_plane": DataPlane}
"""Where a key may have been meant that stands at the top of the file, or in another of these."""


def _sections(section: Section, path: Path) -> Iterator[tuple[Section, Path]]:
    """Yield a section and all sections inside it, with their paths."""
    yield section, path
    for name in type(section).model_fields:
        yield from _inside(getattr(section, name), (*path, name))


def _inside(value: object, path: Path) -> Iterator[tuple[Section, Path]]:
    if isinstance(value, Section):
        yield from _sections(value, path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _inside(item, (*path, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _inside(item, (*path, key))


def _unread(context: Context) -> Iterator[tuple[Section, Path, str]]:
    """Yield every key that no section knows, except those that a rule for foreign keys names."""
    for section, path in _sections(context.cluster, ()):
        for key in section.model_extra or ():
            foreign = FOREIGN_HOST_KEYS if isinstance(section, Host) else FOREIGN_SECTIONS if not path else {}
            if key not in foreign and _meant_section(section, path, key) is None:
                yield section, path, key


def _meant_section(section: Section, path: Path, key: str) -> str | None:
    """Return the section that a key belongs to, when it stands in another one or at the top of the file."""
    if (path != () and not (len(path) == 1 and path[0] in _SECTIONS)) or _nearest(section, key) is not None:
        return None
    here = path[:1]
    return next((name for name, kind in _SECTIONS.items() if (name,) != here and key in kind.model_fields), None)


def _nearest(section: Section, key: str) -> str | None:
    return next(iter(difflib.get_close_matches(key.lower(), list(type(section).model_fields), 1, _NEAR)), None)


def _is_ours(section: Section, path: Path) -> bool:
    """Return whether a section is syncdeck's own, so that nobody else can be meant to read the key."""
    return isinstance(section, DataPlane | Rule) or path[:1] == ("data_plane",) or path[:2] == ("sync_routing", "rules")


def _unknown_key(context: Context) -> Iterator[Hit]:
    for section, path, key in _unread(context):
        near, where = _nearest(section, key), context.document.dotted((*path, key))
        if near is not None:
            remedy = f"write {near}, or remove the key"
            yield Hit((*path, key), f"{where} is not a known key; is {near} meant?", remedy, suggestion=near)
        elif _is_ours(section, path):
            known = ", ".join(type(section).model_fields)
            yield Hit((*path, key), f"{where} is not a known key", f"use one of: {known}")


def _misplaced_key(context: Context) -> Iterator[Hit]:
    for section, path in _sections(context.cluster, ()):
        for key in section.model_extra or ():
            if (meant := _meant_section(section, path, key)) is not None:
                where = context.document.dotted((*path, key))
                message = f"{where} is not read there; {key} belongs under {meant}"
                yield Hit((*path, key), message, f"move it to {meant}")


def _unread_key(context: Context) -> Iterator[Hit]:
    for section, path, key in _unread(context):
        quiet = isinstance(section, Host) or not path or _is_ours(section, path)
        if not quiet and _nearest(section, key) is None:
            yield Hit((*path, key), f"{context.document.dotted((*path, key))} is kept, but syncdeck does not read it")


def _foreign_key(context: Context) -> Iterator[Hit]:
    for name, host, path in context.hosts():
        for key in host.model_extra or ():
            if key in FOREIGN_HOST_KEYS:
                ours = FOREIGN_HOST_KEYS[key]
                yield Hit((*path, key), f"{name} has {key}, which is not read; the key is {ours}", f"use {ours}")


def _foreign_section(context: Context) -> Iterator[Hit]:
    for key in context.cluster.model_extra or ():
        if key in FOREIGN_SECTIONS:
            yield Hit((key,), f"the section {key} is not read; machines belong under {FOREIGN_SECTIONS[key]}")


RULES = (
    LintRule(
        "unknown-key",
        Severity.WARNING,
        "a key that looks like a misspelt one, or is none of a section of syncdeck's own",
        "correct the key, or remove it",
        _unknown_key,
    ),
    LintRule(
        "misplaced-key",
        Severity.WARNING,
        "a key of sync_routing, auto_sync or data_plane in another of these sections, or at the top of the file",
        "move it to the section that the message names",
        _misplaced_key,
    ),
    LintRule(
        "unread-key",
        Severity.NOTE,
        "a key of a known section that syncdeck does not read",
        "nothing, if another tool reads it",
        _unread_key,
    ),
    LintRule(
        "foreign-key",
        Severity.WARNING,
        "a host key that only some old script looks for",
        "use the key that the message names",
        _foreign_key,
    ),
    LintRule(
        "foreign-section",
        Severity.WARNING,
        "machines in a section that is not hosts",
        "move its entries under hosts",
        _foreign_section,
    ),
)
