"""Where the node's own programs are."""

from __future__ import annotations

import os
from typing import Optional

from engine.remote.agent.platforms import EXTRA_PATHS


def find_tool(name: str) -> Optional[str]:
    """Return a program's path; ssh's bare PATH lacks where macOS users install theirs.

    shutil.which does the same, but importing shutil costs each agent more than all the looking.
    """
    for folder in [*os.environ.get("PATH", "").split(os.pathsep), *EXTRA_PATHS]:
        path = os.path.join(folder, name)
        if folder and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None
