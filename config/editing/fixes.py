"""Lint findings that a small edit mends, each with its edits. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from config.document import Path, parse_document
from config.editing.edits import Delete, Edit, InsertItem, InsertKey, Rename, SetValue
from config.effective import resolve
from config.lint.registry import RULES
from config.lint.rule import Context, Hit
from config.nodes import RENTED_PREFIXES
from config.types import Severity
from config.validate import validate

TARGET_BELOW_MAXIMUM = 10
"""Percent by which cleaning stops below the maximum: what the users' own remedy asks for."""


@dataclass(frozen=True, slots=True)
class Fix:
    """What is wrong, and the edits that mend it. ``id``: lint rule and place; ``others``: the findings at its other
    lines, which the same edits mend."""

    id: str
    severity: Severity
    lines: tuple[int, ...]
    message: str
    description: str
    edits: tuple[Edit, ...]
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mend:
    """How one finding is mended: where (the id), in words, by which edits."""

    subject: str
    description: str
    edits: tuple[Edit, ...]


Mender = Callable[[Context, Path, Hit], Mend | None]
"""How the finding of a rule at a path is mended, if it is."""


def find_fixes(text: str, file: str) -> tuple[Fix, ...]:
    """Return every fix of a file, one for each thing that is wrong, by line; an unusable file has none."""
    document = parse_document(text, file)
    if document.findings:
        return ()
    cluster, wrong = validate(document)
    if cluster is None or wrong:
        return ()
    context = Context(document, cluster, resolve(document, cluster))
    found: dict[str, Fix] = {}
    for rule in RULES:
        mender = MENDERS.get(rule.id)
        if mender is None:
            continue
        for path, hit in _places(rule.check(context)):
            mend = mender(context, path, hit)
            if mend is None:
                continue
            name, line = f"{rule.id}:{mend.subject}", context.line(path)
            before = found.get(name)
            lines = (line,) if before is None else tuple(sorted({*before.lines, line}))
            others = () if before is None else tuple(dict.fromkeys((*before.others, before.message)))
            found[name] = Fix(name, rule.severity, lines, hit.message, mend.description, mend.edits, others)
    return tuple(sorted(found.values(), key=lambda fix: (fix.lines, fix.id)))


def _places(hits: Iterable[Hit]) -> Iterator[tuple[Path, Hit]]:
    for hit in hits:
        if isinstance(hit.at, tuple):
            yield hit.at, hit


def _removed(subject: str, what: str, path: Path) -> Mend:
    return Mend(subject, what, (Delete(path),))


def _dotted(context: Context, path: Path) -> str:
    return context.document.dotted(path)


def _delete_here(context: Context, path: Path, _hit: Hit) -> Mend | None:
    if not context.document.has(path):
        return None
    return _removed(_dotted(context, path), f"remove {_dotted(context, path)}", path)


def _excluded_and_external(context: Context, path: Path, _hit: Hit) -> Mend | None:
    """The list decides for nobody else: out of it, the drive alone says what is received."""
    routing = context.cluster.routing
    if path[:2] == ("sync_routing", "excluded_hosts"):
        name = (routing.excluded_hosts or [])[int(str(path[2]))].name
    elif path[:2] == ("auto_sync", "exclude_hosts"):
        name = (context.cluster.sync.exclude_hosts or [])[int(str(path[2]))]
    elif path[:1] == ("hosts",):
        name = str(path[1])
    else:
        name = (routing.allowed_external_storage or [])[int(str(path[2]))].host
    edits: list[Edit] = [
        Delete(("sync_routing", "excluded_hosts", index))
        for index, item in reversed(list(enumerate(routing.excluded_hosts or ())))
        if item.name == name
    ]
    edits += [
        Delete(("auto_sync", "exclude_hosts", index))
        for index, item in reversed(list(enumerate(context.cluster.sync.exclude_hosts or ())))
        if item == name
    ]
    host = context.cluster.hosts.get(name)
    if host is not None and host.skip_sync_receive:
        edits.append(Delete(("hosts", name, "skip_sync_receive")))
    return Mend(name, f"let {name} receive on its drive: take it out of what excludes it", tuple(edits))


def _excluded_twice(context: Context, path: Path, _hit: Hit) -> Mend | None:
    """Keep the list that every reader knows; the drive's own contradiction has a fix of its own."""
    routing, sync = context.cluster.routing, context.cluster.sync
    name = _excluded_name(context, path)
    if any(item.host == name for item in routing.allowed_external_storage or ()):
        return None
    listed = [index for index, item in enumerate(routing.excluded_hosts or ()) if item.name == name]
    others = [index for index, item in enumerate(sync.exclude_hosts or ()) if item == name]
    edits: list[Edit] = []
    edits += [Delete(("sync_routing", "excluded_hosts", index)) for index in reversed(listed[1:])]
    keep = 0 if listed else 1
    edits += [Delete(("auto_sync", "exclude_hosts", index)) for index in reversed(others[keep:])]
    host = context.cluster.hosts.get(name)
    if host is not None and host.skip_sync_receive and (listed or others):
        edits.append(Delete(("hosts", name, "skip_sync_receive")))
    kept = "sync_routing.excluded_hosts" if listed else "auto_sync.exclude_hosts"
    return Mend(name, f"exclude {name} by {kept} alone", tuple(edits)) if edits else None


def _excluded_name(context: Context, path: Path) -> str:
    if path[:1] == ("hosts",):
        return str(path[1])
    if path[0] == "sync_routing":
        return (context.cluster.routing.excluded_hosts or [])[int(str(path[2]))].name
    return (context.cluster.sync.exclude_hosts or [])[int(str(path[2]))]


def _gpu_none(context: Context, path: Path, _hit: Hit) -> Mend | None:
    return Mend(str(path[1]), f"write gpu: null for {path[1]}", (SetValue(path, None, "null"),))


def _ephemeral(context: Context, path: Path, _hit: Hit) -> Mend | None:
    name = str(path[1])
    section: Path = ("hosts", name)
    value = (*section, "is_ephemeral")
    edit: Edit = SetValue(value, True) if context.document.has(value) else InsertKey(section, "is_ephemeral", True)
    return Mend(name, f"write is_ephemeral: true for {name}", (edit,))


def _rented(context: Context, path: Path, hit: Hit) -> Mend | None:
    host = context.cluster.hosts[str(path[1])]
    rented = host.vast_instance_id is not None or str(path[1]).lower().startswith(RENTED_PREFIXES)
    return _ephemeral(context, path, hit) if rented else None


def _target(context: Context, _path: Path, _hit: Hit) -> Mend | None:
    maximum = context.cluster.routing.max_disk_usage_percent
    if maximum is None or maximum < TARGET_BELOW_MAXIMUM:
        return None
    lower = maximum - TARGET_BELOW_MAXIMUM
    value = int(lower) if float(lower).is_integer() else lower
    path = ("sync_routing", "target_disk_usage_percent")
    return Mend("sync_routing", f"write target_disk_usage_percent: {value}", (SetValue(path, value),))


def _priority(context: Context, path: Path, _hit: Hit) -> Mend | None:
    """A contradiction is told on both lines; the list is where it is mended."""
    listed = context.cluster.routing.priority_hosts or []
    name = _named_at(context, path)
    edits = tuple(
        Delete(("sync_routing", "priority_hosts", index))
        for index in reversed(range(len(listed)))
        if listed[index] == name
    )
    return Mend(str(name), f"take {name} out of priority_hosts", edits) if edits else None


def _named_at(context: Context, path: Path) -> str:
    if path[:1] == ("hosts",):
        return str(path[1])
    if path[:2] == ("sync_routing", "priority_hosts"):
        return (context.cluster.routing.priority_hosts or [])[int(str(path[2]))]
    return _excluded_name(context, path)


def _unknown_host(context: Context, path: Path, _hit: Hit) -> Mend | None:
    """A misspelt name is corrected where only one host is meant; else what names nobody goes."""
    value = _value(context, path)
    holder = _value(context, path[:-1])
    if path[:3] == ("data_plane", "nodes", path[-1]) or not isinstance(holder, list):
        return None
    name = value.get("name", value.get("host")) if isinstance(value, dict) else value
    near = difflib.get_close_matches(str(name), list(context.cluster.hosts), 2, 0.85)
    key = next((key for key in ("name", "host") if isinstance(value, dict) and key in value), None)
    subject = f"{_dotted(context, path[:-1])}:{name}"
    if len(near) == 1 and near[0] not in holder:
        edit = SetValue(path if key is None else (*path, key), near[0])
        return Mend(subject, f"write {near[0]} in place of {name}", (edit,))
    return _removed(subject, f"take {name}, which is no host, out of {_dotted(context, path[:-1])}", path)


def _unknown_key(context: Context, path: Path, hit: Hit) -> Mend | None:
    """Rename a misspelt key where the right one is not there as well."""
    meant = hit.suggestion
    if meant is None or context.document.has((*path[:-1], meant)):
        return None
    where = _dotted(context, path)
    return Mend(where, f"write {meant} in place of {path[-1]}", (Rename(path, meant),))


def _value(context: Context, path: Path) -> Any:
    value = context.document.data
    for step in path:
        value = value[step]
    return value


def _voter_key(context: Context, path: Path, _hit: Hit) -> Mend | None:
    name = str(path[1])
    return _removed(name, f"remove p2p_voter of {name}, which nobody reads", path)


def _config_key(context: Context, path: Path, hit: Hit) -> Mend | None:
    meant = hit.suggestion
    listed = context.cluster.routing.underserved_configs or []
    name = listed[int(str(path[2]))]
    if meant and meant not in listed:
        return Mend(name, f"write {meant} in place of {name}", (SetValue(path, meant),))
    return _removed(name, f"take {name} out of underserved_configs", path)


def _add_drive(context: Context, path: Path, _hit: Hit) -> Mend | None:
    """A host that says where its drive is gets that drive allowed."""
    name = str(path[1])
    host = context.cluster.hosts[name]
    items = context.cluster.routing.allowed_external_storage
    if path[-1] != "use_external_storage" or not host.external_storage_path or items is None:
        return None
    item = {"host": name, "path": host.external_storage_path}
    edit = InsertItem(("sync_routing", "allowed_external_storage"), len(items), item)
    return Mend(name, f"allow the drive {host.external_storage_path} of {name}", (edit,))


def _second(context: Context, path: Path, hit: Hit) -> Mend | None:
    """Of two that say the same the later one goes."""
    if hit.other is None or _position(context, path) < _position(context, hit.other):
        return None
    return _delete_here(context, path, hit)


def _position(context: Context, path: Path) -> tuple[int, int]:
    mark = context.document.mark(path)
    return mark.line, mark.column


def _whole_item(context: Context, path: Path, hit: Hit) -> Mend | None:
    """An item without the key that is wrong would be none: it goes as a whole."""
    return _delete_here(context, path[:-1], hit)


MENDERS: dict[str, Mender] = {
    "excluded-and-external": _excluded_and_external,
    "excluded-twice": _excluded_twice,
    "excluded-but-flag-true": _delete_here,
    "target-not-below-max": _target,
    "drive-receives-nothing": _delete_here,
    "drive-twice": _second,
    "external-not-allowed": _add_drive,
    "gpu-none": _gpu_none,
    "ephemeral-by-name": _ephemeral,
    "ephemeral-name-unknown": _ephemeral,
    "rented-but-durable": _rented,
    "unknown-host": _unknown_host,
    "repeated-name": _delete_here,
    "priority-not-ready": _priority,
    "priority-excluded": _priority,
    "voter-key-ignored": _voter_key,
    "unknown-config-key": _config_key,
    "unknown-key": _unknown_key,
    "override-equals-limit": _delete_here,
    "override-matches-nothing": _delete_here,
    "timetable-matches-nothing": _delete_here,
    "timetable-row-hidden": _delete_here,
    "http-server-without-host": _whole_item,
    "rule-unreachable": _second,
}
"""The lint rules that a small edit mends. The others need to know what is true (an address, a path, a status)."""
