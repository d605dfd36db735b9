"""What an operator is shown of the engine itself: what it does, since when, and on which configuration."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EngineState(StrEnum):
    """What an engine does. ``OBSERVING``: it looks and plans, and moves nothing until it is told to. ``PAUSED``: no
    transfer starts. ``FAILING``: a part of it is down. ``OFFLINE``: none runs; what is shown is stored."""

    OBSERVING = "observing"
    RUNNING = "running"
    PAUSED = "paused"
    FAILING = "failing"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class EngineView:
    """The engine itself. ``mode``: embedded, headless. ``detail`` says which part is down, and why."""

    state: EngineState
    mode: str
    pid: int
    version: str
    node_id: str
    config: str
    since: float
    detail: str = ""
