"""What was edited, newest last: the text before and after each edit, so that it can be undone."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from config.editing.errors import EditRefused
from config.editing.rules import RuleEdit

MOST_KEPT = 50
"""Older edits are forgotten: each keeps two texts of some 25 KB."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One edit of one file. ``edit`` None: something other than a rule was edited. ``undone``: it was taken back."""

    number: int
    at: float
    who: str
    file: str
    what: str
    before: str
    after: str
    edit: RuleEdit | None = None
    undone: bool = False


class History:
    """Edits in a folder of the state directory, one file each (mode 0600). Blocking: call it in a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, at: float, who: str, file: str, what: str, before: str, after: str, edit: RuleEdit | None) -> Kept:
        """Keep an edit, durably, and return it with its number. Raises EditRefused where that is not possible."""
        known = self._numbers()
        kept = Kept(known[-1] + 1 if known else 1, at, who, file, what, before, after, edit)
        self._write(kept)
        for number in known[: max(0, len(known) + 1 - MOST_KEPT)]:
            self._path(number).unlink()
        return kept

    def last(self, file: str) -> Kept | None:
        """Return the newest edit of a file that was not taken back."""
        return next((kept for kept in reversed(self.all()) if kept.file == file and not kept.undone), None)

    def all(self) -> list[Kept]:
        """Return all edits, oldest first."""
        return [self._read(number) for number in self._numbers()]

    def mark_undone(self, kept: Kept) -> None:
        """Remember that an edit was taken back."""
        self._write(replace(kept, undone=True))

    def _numbers(self) -> list[int]:
        if not self._folder.is_dir():
            return []
        return sorted(int(path.stem) for path in self._folder.glob("*.json") if path.stem.isdigit())

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.json"

    def _read(self, number: int) -> Kept:
        value = json.loads(self._path(number).read_text(encoding="utf-8"))
        edit = value.pop("edit")
        return Kept(**value, edit=RuleEdit(**edit) if edit is not None else None)

    def _write(self, kept: Kept) -> None:
        """Store an edit in one step. Raises EditRefused where the folder cannot be written; nothing is half there."""
        try:
            self._put(kept)
        except OSError as error:
            cause = f"the edit cannot be kept for undoing it: {self._path(kept.number)}: {error.strerror or error}"
            raise EditRefused(cause, "check the permissions and the space of the state directory") from error

    def _put(self, kept: Kept) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = self._path(kept.number)
        temporary = target.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(asdict(kept), file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except OSError:
            temporary.unlink()
            raise
