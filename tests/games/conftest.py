"""An agent of the very source that is sent over, as a local child."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.remote.connect import open_session
from engine.remote.session import AgentSession
from engine.remote.types import Endpoint, SshOptions


@pytest.fixture
async def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AgentSession]:
    """A session; ``SYNCDECK_TEST_PYTHON`` picks another Python for the agent."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    python = os.environ.get("SYNCDECK_TEST_PYTHON")
    if python:
        monkeypatch.setattr("sys.executable", python)
    session = await open_session(Endpoint("own", local=True), SshOptions(control_dir=tmp_path))
    yield session
    await session.close()
