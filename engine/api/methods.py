"""What may be called over the control socket: the methods of EngineClient, read off the protocol and its parts."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_type_hints

from engine.client import EngineClient

LOCAL_ONLY = frozenset({"start", "close"})
"""Methods about this end of the connection; a client must not stop an engine that others use."""

CHANGING = frozenset(
    {
        "sync",
        "pause",
        "resume",
        "pause_transfers",
        "resume_transfers",
        "set_bandwidth",
        "cancel",
        "retry",
        "rescan",
        "reset_transports",
        "archive_run",
        "archive_verify",
        "archive_drill",
        "archive_cancel",
        "restore",
        "archive_undo",
        "set_archive_policy",
        "disk_allow",
        "pin",
        "unpin",
        "drain",
        "drain_cancel",
        "save_rule",
        "undo_rules",
    }
)
"""Methods that change something: never sent twice, and finished even when the caller goes away."""


@dataclass(frozen=True, slots=True)
class Method:
    """One callable method: parameter types by name, which of them must be given, the result type."""

    name: str
    parameters: Mapping[str, Any]
    required: frozenset[str]
    result: Any
    changes: bool


@lru_cache(maxsize=1)
def methods() -> Mapping[str, Method]:
    """Return every method of EngineClient that may be called from another process, by name."""
    names = [
        name
        for name, _ in inspect.getmembers(EngineClient, inspect.iscoroutinefunction)
        if not name.startswith("_") and name not in LOCAL_ONLY
    ]
    return {name: _method(name) for name in names}


def _method(name: str) -> Method:
    function = getattr(EngineClient, name)
    hints = get_type_hints(function)
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    return Method(
        name=name,
        parameters={p.name: hints[p.name] for p in parameters},
        required=frozenset(p.name for p in parameters if p.default is inspect.Parameter.empty),
        result=hints["return"],
        changes=name in CHANGING,
    )
