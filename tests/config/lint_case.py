"""One lint case: a file, the rule that must speak, and the lines that it must blame."""

from __future__ import annotations

from typing import Any

import pytest

DRIVE = "  allowed_external_storage:\n    - host: alpha\n      path: /Volumes/D\n"
ROUTING = "sync_routing:\n"


def trap(name: str, rule: str, text: str, *blamed: str) -> Any:
    """Return the parameters of one case; ``blamed`` are the lines as written, without indentation."""
    return pytest.param(rule, text, set(blamed), id=name)
