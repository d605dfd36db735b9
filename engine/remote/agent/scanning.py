"""Finding data files: stat first, in batches, with memory that does not grow with the number of files."""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, Dict, List, Set, Tuple

from engine.remote.agent.paths import CONTROL_CHARACTERS, is_mounted, is_temporary, resolve_root, spelled, unstorable
from engine.remote.agent.platforms import nfc, refusal_remedy
from engine.remote.agent.stats import pack_stat, usage, wal_of

# The engine decodes a batch on its event loop: 250 files stay far below 5 ms, also on a busy machine.
BATCH_FILES = 250
WRITING_LOCK = ".writing"
DATABASE_SUFFIX = ".db"

Emit = Callable[[Dict[str, Any]], None]


class Patterns:
    """Which names may be data and which folders never hold any; the request brings them."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._suffixes: Tuple[str, ...] = tuple(request["suffixes"])
        self._prefixes: Tuple[str, ...] = tuple(request["prefixes"])
        self._never: Tuple[str, ...] = tuple(request["never"])
        self._skip_folders = frozenset(request["skip_folders"])
        self._zip: Tuple[str, ...] = tuple(request["zip"])

    def folder(self, name: str) -> bool:
        """Return whether a sub-folder is walked."""
        return not name.startswith(".") and name.lower() not in self._skip_folders

    def kind(self, name: str) -> str | None:
        """Return the engine's FileKind value of a file name, or None when it is not data."""
        lowered = name.lower()
        if lowered.endswith(self._never):
            return None
        if not lowered.endswith(self._suffixes) and not lowered.startswith(self._prefixes):
            return None
        if lowered.endswith(DATABASE_SUFFIX):
            return "sqlite"
        return "zip" if lowered.endswith(self._zip) else "plain"


class RootScan:
    """The walk of one root."""

    def __init__(self, root: dict[str, Any], patterns: Patterns, emit: Emit) -> None:
        self.location = root["location"]
        self.root = root["root"]
        self.path = resolve_root(root["root"])
        self._patterns = patterns
        self._emit = emit
        self._files: List[List[Any]] = []
        self._temporaries: List[List[Any]] = []
        self.unreadable: List[str] = []
        self._told: Set[str] = set()
        self.note: Callable[[str, List[int], bool], None] = lambda relative, stat, locked: None
        """Hears of every data file that is met: its path, its stat, and whether a writer holds it."""
        self.wanted: Callable[[str], bool] = lambda relative: True
        """Says of a path whether it is told at all; no other file's stat is asked for."""

    def run(self, folders: list[str]) -> None:
        """Walk the folders and emit batches; what cannot be read is collected in ``unreadable``."""
        for folder in self._distinct(folders):
            self._walk(folder)
        self._flush()

    def _distinct(self, folders: list[str]) -> list[str]:
        """Return the folders that lie in the root and under no other one; symlinks among them are resolved."""
        real: Dict[str, str] = {}
        for folder in folders:
            path = os.path.realpath(os.path.join(self.path, folder))
            if path != self.path and not path.startswith(self.path.rstrip("/") + "/"):
                self.unreadable.append(folder)
            elif path not in real:
                real[path] = os.path.relpath(path, self.path)
        inside = [p for p in real if not any(p != q and p.startswith(q.rstrip("/") + "/") for q in real)]
        return ["" if real[path] == "." else real[path] for path in inside]

    def _walk(self, top: str) -> None:
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            try:
                waiting.extend(self._folder(folder))
            except (FileNotFoundError, NotADirectoryError):
                continue  # It was removed while we walked, which is an answer: nothing is there.
            except OSError:
                self.unreadable.append(nfc(folder))

    def _folder(self, folder: str) -> list[str]:
        """Take one folder's data files and return its sub-folders. Two passes, so that memory stays flat."""
        path = os.path.join(self.path, folder) if folder else self.path
        logs, locks = set(), set()
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name.endswith("-wal"):
                    logs.add(entry.name[: -len("-wal")])
                elif entry.name.endswith(WRITING_LOCK):
                    locks.add(entry.name[: -len(WRITING_LOCK)])
        below = []
        with os.scandir(path) as entries:
            for entry in entries:
                relative = "%s/%s" % (folder, entry.name) if folder else entry.name
                if not self._nameable(entry, folder):
                    continue
                if entry.is_symlink():
                    self._note_link(entry, relative)
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if self._patterns.folder(entry.name):
                        below.append(relative)
                else:
                    self._file(entry, relative, entry.name in logs, entry.name in locks)
        return below

    def _note_link(self, entry: os.DirEntry[str], relative: str) -> None:
        """Report a link to a folder outside the root: it is not followed, and what is in there is not known."""
        if not os.path.isdir(entry.path) or not self._patterns.folder(entry.name):
            return
        target = os.path.realpath(entry.path)
        if target != self.path and not target.startswith(self.path.rstrip("/") + "/"):
            self.unreadable.append(nfc(relative))

    def _nameable(self, entry: os.DirEntry[str], folder: str) -> bool:
        """Return whether a name can travel and be stored; of each folder, one that cannot is reported."""
        if entry.name.isascii() and CONTROL_CHARACTERS.search(entry.name) is None:
            return True
        if not unstorable(entry.name) and not self._has_composed_twin(entry):
            return True
        if folder not in self._told and self._may_be_data(entry):
            self._told.add(folder)
            self.unreadable.append(os.path.join(folder, spelled(entry.name)))
        return False

    def _may_be_data(self, entry: os.DirEntry[str]) -> bool:
        if entry.is_dir(follow_symlinks=False):
            return self._patterns.folder(entry.name)
        return self._patterns.kind(entry.name) is not None

    @staticmethod
    def _has_composed_twin(entry: os.DirEntry[str]) -> bool:
        """Return whether another file beside it has the same name composed: both would be one and the same key."""
        composed = nfc(entry.name)
        if composed == entry.name:
            return False
        try:
            return os.lstat(os.path.join(os.path.dirname(entry.path), composed)).st_ino != entry.inode()
        except OSError:
            return False

    def _file(self, entry: os.DirEntry[str], relative: str, has_log: bool, locked: bool) -> None:
        ours = is_temporary(entry.name)
        kind = None if entry.name.startswith(".") else self._patterns.kind(entry.name)
        if (kind is None and not ours) or not self.wanted(relative) or not entry.is_file(follow_symlinks=False):
            return
        try:
            main = entry.stat(follow_symlinks=False)
            wal = wal_of(entry.path) if has_log else None
        except FileNotFoundError:
            return  # It was removed while we looked.
        if ours:
            self._temporaries.append([self.location, self.root, nfc(relative), main.st_mtime, main.st_size])
        else:
            stat = pack_stat(main, wal)
            self.note(relative, stat, locked)
            self._files.append([nfc(relative), stat, kind, locked])
        if len(self._files) + len(self._temporaries) >= BATCH_FILES:
            self._flush()

    def _flush(self) -> None:
        if self._files or self._temporaries:
            batch = {"location": self.location, "root": self.root, "files": self._files}
            self._emit(dict(batch, temporaries=self._temporaries))
            self._files, self._temporaries = [], []


def root_status(root: dict[str, Any], unreadable: list[str]) -> dict[str, Any]:
    """Return the state and usage of a root; only ``available`` makes an absent file really absent."""
    path = resolve_root(root["root"])
    status = {"location": root["location"], "root": root["root"], "path": path, "unreadable": unreadable}
    state, detail = "available", ""
    if not is_mounted(path):
        state, detail = "not-mounted", "no drive is mounted at %s" % path
    elif not os.path.isdir(path):
        missing = "not-mounted" if root["must_be_mounted"] else "missing"
        state, detail = missing, "%s is not there" % path
    else:
        try:
            with os.scandir(path):
                status.update(usage(path))
        except PermissionError as error:
            state, detail = "denied", "%s; %s" % (error.strerror, refusal_remedy(sys.platform, error.errno, path))
        except OSError as error:
            state, detail = "unknown", "%s: %s" % (path, error.strerror)
    return dict(status, state=state, detail=detail)
