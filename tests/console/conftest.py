"""The console's tests never see the colours or themes of the machine that they run on."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what a developer's own terminal would bring in."""
    for name in ("NO_COLOR", "TEXTUAL_THEME", "TEXTUAL_COLOR_SYSTEM", "TEXTUAL_ANIMATIONS", "COLORTERM", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
