"""The folder trees of a node that hold data, as the configuration names them: pure.

A location is one place that can hold copies: ``node`` is a node's own folders, ``node:/path`` an external drive.
A node's own location may have several roots (``storage_paths``); per data type exactly one root of a location is
where foreign copies land.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from config.landing import DEFAULT_LANDING
from config.places import decision_at
from config.types import DataType, DriveSpec, NodeSpec, Policy
from engine.locations import node_of

MAIN_TAG = "root"
MAIN_FOLDERS: Mapping[DataType, str] = {
    DataType.GAMES: "data/games",
    DataType.NPZ: "data/training",
    DataType.MODELS: "models",
    DataType.CHECKPOINT: "models",
}
MAIN_SCANNED = ("data", "models")
STORAGE_PATHS: Mapping[str, DataType | None] = {
    "games": DataType.GAMES,
    "models": DataType.MODELS,
    "training_data": DataType.NPZ,
    "checkpoints": DataType.CHECKPOINT,
    "sync_incoming": None,
}
"""What each ``storage_paths`` name holds; names that are not here (logs) hold no data."""
MOUNT_FOLDERS = ("/Volumes", "/media", "/run/media", "/mnt")
"""Below these a folder counts only while something is mounted there."""


@dataclass(frozen=True, slots=True)
class LocationRoot:
    """One folder tree of a location. ``root`` is as configured and may begin with ``~``.

    ``folders`` are the folders of the types, ``scan_folders`` what is walked, both relative to the root ("" is the
    root itself). ``tag`` names the root in keys and is unique per node. ``landing`` has a template for each type
    whose foreign copies land here; ``sibling_tags`` are the tags of the same location's other roots.
    """

    location: str
    node_id: str
    root: str
    folders: Mapping[DataType, str]
    scan_folders: tuple[str, ...]
    is_drive: bool
    tag: str
    must_be_mounted: bool
    landing: Mapping[DataType, str] = field(default_factory=dict)
    sibling_tags: frozenset[str] = frozenset()

    @property
    def is_main(self) -> bool:
        """Whether this is the folder that holds the node's code, ``data/`` and ``models/``."""
        return self.tag == MAIN_TAG


def location_of_drive(drive: DriveSpec) -> str:
    """Return the location id of an external drive."""
    return f"{drive.node_id}:{drive.path}"


def roots_of(policy: Policy, node_id: str) -> tuple[LocationRoot, ...]:
    """Return a node's folder trees: its main root, its extra roots, its drives. Unknown nodes have none."""
    node = policy.nodes.get(node_id)
    if node is None:
        return ()
    own = _own_trees(node)
    tags = _tags([*(tree.root for tree in own[1:]), *(drive.path for drive in node.drives)])
    templates = {data_type: policy.engine.landing.get(data_type, DEFAULT_LANDING[data_type]) for data_type in DataType}
    own_tags = [MAIN_TAG, *tags[: max(len(own) - 1, 0)]] if own else []
    roots = [
        LocationRoot(
            location=node_id,
            node_id=node_id,
            root=tree.root,
            folders=tree.folders,
            scan_folders=tuple(tree.scanned),
            is_drive=False,
            tag=tag,
            must_be_mounted=must_be_mounted(tree.root),
            landing={t: templates[t] for t in tree.landing},
            sibling_tags=frozenset(own_tags) - {tag},
        )
        for tree, tag in zip(own, own_tags, strict=True)
    ]
    drive_tags = tags[len(tags) - len(node.drives) :]
    return (*roots, *(_drive_root(node, d, t, templates) for d, t in zip(node.drives, drive_tags, strict=True)))


def landing_root(policy: Policy, location: str, data_type: DataType) -> LocationRoot | None:
    """Return the root of a location under which copies of a type land, or None where there is none."""
    node_id = node_of(location)
    for root in roots_of(policy, node_id):
        if root.location == location and data_type in root.landing:
            return root
    return None


def landing_locations(policy: Policy, node_id: str, data_type: DataType) -> tuple[str, ...]:
    """Return where a type lands on a host: on its drives that receive it, else in the node's own folders.

    A host that trains or has a GPU reads from its own folders, so there it lands in these too. Empty where the host
    does not receive the type at all.
    """
    node = policy.nodes.get(node_id)
    if node is None:
        return ()
    drives = tuple(
        location_of_drive(drive) for drive in node.drives if decision_at(policy, node, drive, data_type).receives
    )
    own = node.root is not None and decision_at(policy, node, None, data_type).receives
    if own and (not drives or node.training or node.gpu):
        return (*drives, node_id)
    return drives


def must_be_mounted(path: str) -> bool:
    """Return whether a path lies where an unmounted drive leaves an empty folder behind."""
    return any(path.startswith(folder + "/") for folder in MOUNT_FOLDERS)


@dataclass
class _Tree:
    """A root being put together."""

    root: str
    folders: dict[DataType, str]
    scanned: list[str]
    landing: set[DataType]


def _own_trees(node: NodeSpec) -> list[_Tree]:
    """Return the main root first, then each storage path that is neither in it nor on a drive."""
    if node.root is None:
        return []
    main = _Tree(_clean(node.root), dict(MAIN_FOLDERS), list(MAIN_SCANNED), set(DataType))
    trees = [main]
    drives = [drive.path for drive in node.drives]
    named = [(STORAGE_PATHS[name], _clean(path)) for name, path in node.storage_paths.items() if name in STORAGE_PATHS]
    for data_type, path in sorted(named, key=lambda item: (len(item[1]), item[1], item[0] or "")):
        if any(_within(drive, path, node.user) is not None for drive in drives):
            continue
        if any(_within(path, taken, node.user) not in (None, "") for taken in [main.root, *drives]):
            continue  # it holds another root: walking it would count the same files twice
        _add_path(trees, data_type, path, node.user)
    return trees


def _add_path(trees: list[_Tree], data_type: DataType | None, path: str, user: str | None) -> None:
    for tree in trees:
        inside = _within(tree.root, path, user)
        if inside is not None:
            break
    else:
        tree, inside = _Tree(path, {}, [""], set()), ""
        trees.append(tree)
    if not any(_within(folder, inside, None) is not None for folder in tree.scanned):
        tree.scanned.append(inside)
    if data_type is not None:
        for other in trees:
            other.landing.discard(data_type)
        tree.folders[data_type] = inside
        tree.landing.add(data_type)


def _drive_root(node: NodeSpec, drive: DriveSpec, tag: str, templates: Mapping[DataType, str]) -> LocationRoot:
    folders = {data_type: _clean(folder) for data_type, folder in drive.subdirs.items()}
    holds_main = node.root is not None and _within(drive.path, node.root, node.user) is not None
    return LocationRoot(
        location=location_of_drive(drive),
        node_id=node.node_id,
        root=drive.path,
        folders=folders,
        scan_folders=_outermost(folders.values()) if holds_main else ("",),
        is_drive=True,
        tag=tag,
        must_be_mounted=must_be_mounted(drive.path),
        landing={data_type: templates[data_type] for data_type in folders},
    )


def _outermost(folders: Iterable[str]) -> tuple[str, ...]:
    kept: list[str] = []
    for folder in sorted(set(folders), key=lambda f: (len(f), f)):
        if not any(_within(outer, folder, None) is not None for outer in kept):
            kept.append(folder)
    return tuple(kept)


def _tags(paths: Iterable[str]) -> list[str]:
    """Return a tag per root: the last component of its path, numbered where another one has it already."""
    tags: list[str] = []
    for path in paths:
        name = posixpath.basename(path.rstrip("/")).lstrip("_") or "drive"
        tag, number = name, 2
        while tag in tags or tag == MAIN_TAG:
            tag, number = f"{name}-{number}", number + 1
        tags.append(tag)
    return tags


def _within(outer: str, inner: str, user: str | None) -> str | None:
    """Return ``inner`` relative to ``outer`` ("" when equal), or None when it does not lie in it. Lexical."""
    outer, inner = _home_as_tilde(outer, user), _home_as_tilde(inner, user)
    if outer in ("", inner):
        return "" if outer == inner else inner
    prefix = outer.rstrip("/") + "/"
    return inner[len(prefix) :] if inner.startswith(prefix) else None


def _home_as_tilde(path: str, user: str | None) -> str:
    """Return a path with the user's home, where its usual place is recognised, written as ``~``."""
    homes = ("/root",) if user == "root" else (f"/home/{user}", f"/Users/{user}") if user else ()
    for home in homes:
        if path == home or path.startswith(home + "/"):
            return "~" + path[len(home) :]
    return path


def _clean(path: str) -> str:
    cleaned = posixpath.normpath(path) if path else ""
    return "" if cleaned == "." else cleaned
