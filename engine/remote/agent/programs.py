"""Where the node's own programs are."""

from __future__ import annotations

import os
from typing import Optional

from engine.remote.agent.platforms import EXTRA_PATHS


def found_by_shells(path: str) -> bool:
    """Return whether ssh's PATH leads to this program, so that a command may name it without its folder."""
    folder, name = os.path.split(path)
    paths = os.environ.get("PATH", "").split(os.pathsep)
    return folder in paths and find_tool(name) == path


def find_tool(name: str) -> Optional[str]:
    """Return a program's path; ssh's bare PATH lacks where macOS users install theirs.

    shutil.which does the same, but importing shutil costs each agent more than all the looking.
    """
    for folder in [*os.environ.get("PATH", "").split(os.pathsep), *EXTRA_PATHS]:
        path = os.path.join(folder, name)
        if folder and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None
