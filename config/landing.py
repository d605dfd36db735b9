"""Where a copy of foreign origin lies below the folder of its type, and which templates can be read back: pure."""

from __future__ import annotations

from collections.abc import Mapping

from config.types import DataType

ORIGIN, PATH = "{origin}", "{path}"
KEYED_BY_ORIGIN = frozenset({DataType.GAMES})
"""Every node writes its own ``games.db``; all other names are shared by the fleet."""
DEFAULT_LANDING: Mapping[DataType, str] = {
    DataType.GAMES: f"synced/{ORIGIN}/{PATH}",
    DataType.MODELS: PATH,
    DataType.NPZ: PATH,
    DataType.CHECKPOINT: PATH,
}
"""What holds where the file names no template; the users' own discovery reads ``synced/**``."""


def landing_problem(data_type: DataType, template: str) -> str | None:
    """Return why a landing template cannot be mapped back to keys, or None when it is sound."""
    steps = template.split("/")
    fixed = [step for step in steps if step not in (ORIGIN, PATH)]
    keyed = data_type in KEYED_BY_ORIGIN
    if steps[-1] != PATH or steps.count(PATH) != 1:
        return f"it must end with the step {PATH}, once"
    if steps.count(ORIGIN) != (1 if keyed else 0):
        return f"{data_type.value} need the step {ORIGIN} once" if keyed else f"{data_type.value} have no origin"
    if keyed and steps[0] == ORIGIN:
        return f"a fixed step must come before {ORIGIN}, or own folders could be taken for copies"
    if any(not step or set("{}\\\0\n") & set(step) or step.startswith((".", "_")) for step in fixed):
        return "its fixed steps must be plain names, not hidden, not beginning with `_`"
    return None
