"""The project's own files, told from what building, testing and editors leave beside them."""

from __future__ import annotations

import fnmatch
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path


def project_files(repository: Path, *, new: bool = False) -> list[Path]:
    """Return the files that git knows, with ``new`` also those that it would add.

    Of a copy without a history, or on a machine without git: all that ``.gitignore`` does not leave out.
    """
    names = _by_git(repository, new)
    found = list(_by_looking(repository)) if names is None else [repository / name for name in names]
    return sorted(path for path in found if path.is_file())


def _by_git(repository: Path, new: bool) -> list[str] | None:
    git = shutil.which("git")
    if git is None or not (repository / ".git").exists():
        return None
    kinds = ["--cached", "--others", "--exclude-standard"] if new else ["--cached"]
    # A clone that another user owns is refused otherwise: we only list it.
    command = [git, "-c", f"safe.directory={repository}", "ls-files", "-z", *kinds]
    listed = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name]


def _by_looking(repository: Path) -> Iterator[Path]:
    ignored = [".git", *(line.rstrip("/") for line in (repository / ".gitignore").read_text().splitlines())]

    def kept(name: str) -> bool:
        return not any(fnmatch.fnmatch(name, pattern) for pattern in ignored)

    for folder, folders, files in os.walk(repository):
        folders[:] = filter(kept, folders)
        yield from (Path(folder, name) for name in files if kept(name))
