"""The one map between a file's place (location, root, relative path) and its key, both ways: pure.

A key's path is relative to the folder of its type. Paths that are not below that folder, and files of a root that is
not the main one, carry a prefix that begins with ``_``:

- ``_root/<path>``: elsewhere in the main root, the path being relative to the root;
- ``_<tag>/<path>``: games of the host's own in another of its roots;
- ``_<node>.<tag>/<path>``: files of a shared name (no origin) that lie where no copy of that name would land.

A place is read as a landed copy only if placing the key so found leads back to this very place; otherwise the
file is the host's own. Hence no two places of a location share a key, and a copy that we placed keeps its key.
"""

from __future__ import annotations

import unicodedata

from config.landing import KEYED_BY_ORIGIN, ORIGIN, PATH
from config.types import DataType
from engine.catalog.roots import LocationRoot
from engine.errors import ErrorClass, SyncdeckError
from engine.model import EntryKey

_MAIN = "_root"


class KeyMapError(SyncdeckError):
    """A text that is no key, or a key that has no place under a root."""


def key_of(root: LocationRoot, relative_path: str, data_type: DataType) -> EntryKey:
    """Return the key of the file at ``relative_path`` below ``root``. Never raises: every place has a key."""
    path = unicodedata.normalize("NFC", relative_path)
    landed = _landed(root, path, data_type)
    return landed if landed is not None else _own(root, path, data_type)


def place(key: EntryKey, root: LocationRoot) -> str:
    """Return where a key lies below a root, relative to it.

    For a key of the root's own that is the file's own place, for any other where a copy of it lands. Raises
    KeyMapError when the root does not take the type, or when the key's place is another root of this location.
    """
    found = _place(key, root)
    if found is None:
        raise KeyMapError(
            "place",
            str(key),
            f"it has no place below {root.root} of {root.location}",
            "see `syncdeck config effective` and the storage_paths of this host",
            ErrorClass.CONFIG,
        )
    return found


def parse_key(text: str) -> EntryKey:
    """Return the key that prints as ``text``; raises KeyMapError when no key does."""
    kind, colon, rest = text.partition(":")
    if not colon or kind not in {data_type.value for data_type in DataType}:
        raise _no_key(text, f"it must begin with one of {', '.join(t.value + ':' for t in DataType)}")
    data_type = DataType(kind)
    path, origin = rest, ""
    if data_type in KEYED_BY_ORIGIN:
        path, _, origin = rest.rpartition("@")
        if not origin or "/" in origin:
            raise _no_key(text, f"{kind} are keyed by their origin: {kind}:PATH@NODE")
    if not _sound(path):
        raise _no_key(text, "its path must be relative, without empty steps, `.` and `..`")
    return EntryKey(data_type, unicodedata.normalize("NFC", path), origin)


def _no_key(text: str, why: str) -> KeyMapError:
    remedy = "copy a key from `syncdeck catalog ls`"
    return KeyMapError("read", text, f"this is no key: {why}", remedy, ErrorClass.CONFIG)


def _sound(path: str) -> bool:
    return not any(c in path for c in "\0\n") and all(step not in ("", ".", "..") for step in path.split("/"))


# --- own places ---------------------------------------------------------------------------------------


def _own(root: LocationRoot, path: str, data_type: DataType) -> EntryKey:
    """Return the key of a file that is no landed copy."""
    keyed = data_type in KEYED_BY_ORIGIN
    origin = root.node_id if keyed else ""
    if keyed and root.is_main:
        inside = _below(root.folders.get(data_type), path)
        if inside is not None and not inside.startswith("_"):
            return EntryKey(data_type, inside, origin)
    return EntryKey(data_type, f"{_own_prefix(root, data_type)}/{path}", origin)


def _own_prefix(root: LocationRoot, data_type: DataType) -> str:
    if data_type in KEYED_BY_ORIGIN:
        return _MAIN if root.is_main else f"_{root.tag}"
    if root.is_main and data_type in root.landing:
        return _MAIN
    return f"_{root.node_id}.{root.tag}"


def _sibling_prefixes(root: LocationRoot, data_type: DataType) -> frozenset[str]:
    """Return the prefixes of keys whose own place is another root of this location."""
    if data_type in KEYED_BY_ORIGIN:
        return frozenset(f"_{tag}" for tag in root.sibling_tags)
    return frozenset(f"_{root.node_id}.{tag}" for tag in root.sibling_tags)


# --- landed copies ------------------------------------------------------------------------------------


def _landed(root: LocationRoot, path: str, data_type: DataType) -> EntryKey | None:
    """Return the key of the copy that would land exactly here, or None."""
    template = root.landing.get(data_type)
    inside = _below(root.folders.get(data_type), path)
    if template is None or inside is None:
        return None
    key = _match(template, inside, data_type)
    return key if key is not None and _place(key, root) == path else None


def _match(template: str, inside: str, data_type: DataType) -> EntryKey | None:
    """Return the key that a template puts at ``inside`` (relative to the type's folder), or None."""
    steps = template.split("/")
    parts = inside.split("/", len(steps) - 1)
    if len(parts) != len(steps):
        return None
    found = {ORIGIN: "", PATH: ""}
    for step, part in zip(steps, parts, strict=True):
        if step in found:
            found[step] = part
        elif step != part:
            return None
    if "@" in found[ORIGIN] or ":" in found[ORIGIN]:
        return None
    return EntryKey(data_type, found[PATH], found[ORIGIN])


def _place(key: EntryKey, root: LocationRoot) -> str | None:
    keyed = key.data_type in KEYED_BY_ORIGIN
    if keyed and key.origin != root.node_id:
        return _landing_place(key, root)
    first, _, rest = key.path.partition("/")
    if rest and first == _own_prefix(root, key.data_type) and _is_own(key, root, rest):
        return rest
    if rest and first in _sibling_prefixes(root, key.data_type):
        return None
    if not keyed:
        return _landing_place(key, root)
    return _place_at_origin(key, root, first)


def _place_at_origin(key: EntryKey, root: LocationRoot, first: str) -> str | None:
    """Return where a games key lies on the very host that it comes from, other than under a prefix of the root."""
    of_main_root = not first.startswith("_") or first == _MAIN
    if of_main_root and root.is_main:
        own = _join(root.folders.get(key.data_type), key.path)
        return own if own is not None and not first.startswith("_") and _is_own(key, root, own) else None
    if of_main_root and not root.is_drive:
        return None
    return _landing_place(key, root)


def _is_own(key: EntryKey, root: LocationRoot, path: str) -> bool:
    """Return whether the file at ``path``, which a scan must be able to meet, is ``key`` itself and no landed copy."""
    scanned = any(_below(folder, path) is not None for folder in root.scan_folders)
    return scanned and _landed(root, path, key.data_type) is None and _own(root, path, key.data_type) == key


def _landing_place(key: EntryKey, root: LocationRoot) -> str | None:
    template = root.landing.get(key.data_type)
    if template is None:
        return None
    return _join(root.folders.get(key.data_type), template.replace(ORIGIN, key.origin).replace(PATH, key.path))


def _below(folder: str | None, path: str) -> str | None:
    """Return ``path`` relative to ``folder`` when it lies in it, else None."""
    if folder is None:
        return None
    if not folder:
        return path
    return path[len(folder) + 1 :] if path.startswith(folder + "/") else None


def _join(folder: str | None, path: str) -> str | None:
    if folder is None:
        return None
    return f"{folder}/{path}" if folder else path
