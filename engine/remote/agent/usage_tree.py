"""What fills a drive: one walk, folded into a tree of folders that is small enough to travel and to keep."""

from __future__ import annotations

import heapq
import os
from typing import Any, Callable, Dict, List, Optional

from engine.remote.agent.failures import Failure
from engine.remote.agent.paths import is_temporary, resolve_root
from engine.remote.agent.platforms import nfc
from engine.remote.agent.scanning import Patterns

# Beyond these a folder is counted in the one above it.
MOST_FOLDERS = 20_000
DEEPEST = 12
BLOCK_BYTES = 512
ROWS_PER_ITEM = 400

CATALOGUED, ARCHIVE, LEFTOVER, OTHER = range(4)


class Folder:
    """One folder: files and bytes of everything in it, parted by what they are."""

    __slots__ = ("bytes", "children", "files", "name", "parent")

    def __init__(self, name: str, parent: "Optional[Folder]") -> None:
        self.name = name
        self.parent = parent
        self.files = 0
        self.bytes = [0, 0, 0, 0]
        self.children: Dict[str, Folder] = {}

    def add(self, kind: int, size: int) -> None:
        """Count a file here and in every folder above."""
        folder: Optional[Folder] = self
        while folder is not None:
            folder.files += 1
            folder.bytes[kind] += size
            folder = folder.parent


class UsageWalk:
    """The walk of one root. Memory is bounded: folders beyond the limits are counted in those above them."""

    def __init__(self, root: str, patterns: Patterns, archives: str, moved: Callable[[int], None]) -> None:
        self._root = root
        self._patterns = patterns
        self._archives = archives
        self._moved = moved
        self._top = Folder("", None)
        self._folders = 1
        self._device = os.stat(root).st_dev
        self._linked: set[int] = set()
        self.unreadable = 0

    def run(self) -> Folder:
        """Walk everything on the root's own file system and return the tree."""
        waiting = [(self._root, self._top, 0, self._in_archives(self._root))]
        while waiting:
            path, folder, depth, archived = waiting.pop()
            try:
                with os.scandir(path) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            if entry.stat(follow_symlinks=False).st_dev != self._device:
                                continue  # Another drive is mounted there: it has a tree of its own.
                            inside = archived or self._in_archives(entry.path)
                            waiting.append((entry.path, self._child(folder, entry.name, depth), depth + 1, inside))
                        else:
                            self._file(folder, entry, archived)
            except OSError:
                self.unreadable += 1
            self._moved(self._top.files)
        return self._top

    def _in_archives(self, path: str) -> bool:
        return bool(self._archives) and (path == self._archives or path.startswith(self._archives + "/"))

    def _child(self, folder: Folder, name: str, depth: int) -> Folder:
        if depth >= DEEPEST or self._folders >= MOST_FOLDERS:
            return folder
        self._folders += 1
        child = folder.children[name] = Folder(name, folder)
        return child

    def _file(self, folder: Folder, entry: "os.DirEntry[str]", archived: bool) -> None:
        try:
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        if found.st_nlink > 1:
            if found.st_ino in self._linked:
                return  # The same bytes under a second name.
            if len(self._linked) < MOST_FOLDERS:
                self._linked.add(found.st_ino)
        folder.add(self._kind(entry.name, archived), found.st_blocks * BLOCK_BYTES)

    def _kind(self, name: str, archived: bool) -> int:
        if is_temporary(name):
            return LEFTOVER
        if archived:
            return ARCHIVE
        return CATALOGUED if not name.startswith(".") and self._patterns.kind(name) is not None else OTHER


def usage_tree(job: Dict[str, Any], say: Callable[[Any], None], moved: Callable[[int], None]) -> Dict[str, Any]:
    """Say the folders, parents first: [path, files, bytes catalogued, archived, left over, other, folders in it].

    Returns {unreadable}: how many folders could not be looked at. ``most`` bounds the rows; the smallest are left out.
    """
    root = resolve_root(job["root"])
    if not os.path.isdir(root):
        raise Failure("not-found", "%s is not there" % root, "mount the drive or create the folder")
    archives = os.path.join(root, job["archives"]) if job["archives"] else ""
    walk = UsageWalk(root, Patterns(job["patterns"]), archives, moved)
    top = walk.run()
    rows: List[List[Any]] = []
    for path, folder in _largest(top, job["most"]):
        rows.append([nfc(path), folder.files, *folder.bytes, len(folder.children)])
        if len(rows) >= ROWS_PER_ITEM:
            say({"rows": rows})
            rows = []
    say({"rows": rows})
    return {"unreadable": walk.unreadable}


def _largest(top: Folder, most: int) -> Any:
    """Yield (path, folder) of the ``most`` largest folders; one comes after the one that it lies in."""
    number = 0
    waiting = [(-sum(top.bytes), number, "", top)]
    while waiting and most:
        _, _, path, folder = heapq.heappop(waiting)
        yield path, folder
        most -= 1
        for child in folder.children.values():
            number += 1
            below = "%s/%s" % (path, child.name) if path else child.name
            heapq.heappush(waiting, (-sum(child.bytes), number, below, child))
