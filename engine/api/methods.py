"""What may be called over the control socket: the methods of EngineClient, read off the protocol and its parts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_type_hints

from engine.client import EngineClient
from engine.views import ActionResult, CheckResult
from engine.views_keeping import KeepResult
from engine.views_rules import SaveResult

LOCAL_ONLY = frozenset({"start", "close"})
"""Methods about this end of the connection; a client must not stop an engine that others use."""

CHANGING_RESULTS = (ActionResult, CheckResult, KeepResult, SaveResult)
"""What a method answers that changes something: it is never sent twice, and finished even when the caller goes away."""


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
    return {name: method_of(getattr(EngineClient, name)) for name in names}


def method_of(function: Callable[..., Any]) -> Method:
    """Return what a method of a client is, read off its signature."""
    hints = get_type_hints(function)
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    return Method(
        name=function.__name__,
        parameters={p.name: hints[p.name] for p in parameters},
        required=frozenset(p.name for p in parameters if p.default is inspect.Parameter.empty),
        result=hints["return"],
        changes=hints["return"] in CHANGING_RESULTS,
    )
