"""What an operator needs to know of a rescue, in one sentence. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.rescue.records import Rescue, RescueKind, RescueState
from engine.words import counted, size_text, span_text


@dataclass(frozen=True, slots=True)
class Standing:
    """What is still open of a rescue: files, their bytes, how many of them are written to; and what vanished."""

    open_files: int = 0
    open_bytes: int = 0
    written: int = 0
    gone: int = 0


@dataclass(frozen=True, slots=True)
class NodeLook:
    """When nodes were last looked at in full, whether they answer, and how many copies of a drained one are made."""

    looked_at: float | None = None
    answers: bool = True
    coming: int = 0


def sentence_of(rescue: Rescue, standing: Standing, look: NodeLook, now: float) -> str:
    """Return what an operator needs to know of a rescue now."""
    if rescue.kind is RescueKind.DRAIN:
        return _drain(rescue, standing, look, now)
    return _emergency(rescue, standing, look, now)


def _emergency(rescue: Rescue, standing: Standing, look: NodeLook, now: float) -> str:
    where = ", ".join(rescue.nodes) or "the fleet's endangered nodes"
    left = _left(standing)
    if rescue.state is RescueState.DONE:
        if not rescue.files_total:
            return f"nothing to save: what is on {where} has a durable verified copy elsewhere{_unseen(look, now)}"
        saved = f"{counted(rescue.files_done, 'file')}, {size_text(rescue.bytes_done)}"
        limits = f"{_gone(standing)}{_unseen(look, now)}"
        return f"saved: {saved} of {where} now have a durable verified copy elsewhere{limits}"
    if rescue.state is RescueState.STUCK:
        return f"{left} of {where} cannot be saved now: {first_reason(rescue.unsaved)}"
    return f"saving {where}: {left} to go, the smallest first"


def _drain(rescue: Rescue, standing: Standing, look: NodeLook, now: float) -> str:
    node = ", ".join(rescue.nodes)
    if rescue.closed:
        return f"cancelled: {node} takes copies again; what was copied stays"
    if rescue.state is RescueState.DONE:
        more = f"; {counted(look.coming, 'further copy', 'further copies')} still on the way" if look.coming else ""
        return f"safe to switch off: nothing on {node} is only there; {_checked(look, now)}{more}"
    if not standing.open_files:
        return f"not yet: {node} has not been looked at in full since the drain began"
    rest = f"{_left(standing)} on {node} {'is' if standing.open_files == 1 else 'are'} nowhere else"
    if rescue.state is RescueState.STUCK:
        return f"not safe to switch off: {rest}, and cannot be copied now: {first_reason(rescue.unsaved)}"
    written = f"; {standing.written} of them written to meanwhile: stop what writes there" if standing.written else ""
    return f"not safe to switch off: {rest} yet{written}"


def _checked(look: NodeLook, now: float) -> str:
    if look.looked_at is None:
        return "never looked at"
    said = f"checked {span_text(max(now - look.looked_at, 0.0))} ago"
    return said if look.answers else f"{said}, it has not answered since"


def _unseen(look: NodeLook, now: float) -> str:
    """What a node that is silent wrote after the last look nobody knows, and nobody could save."""
    return "" if look.answers else f"; {_checked(look, now)}: what was written after that is not known"


def first_reason(unsaved: Sequence[tuple[str, str]]) -> str:
    """Return why nothing moves: the first reason, and how many others there are."""
    reasons = list(dict.fromkeys(why for _, why in unsaved))
    if not reasons:
        return "nothing of it moves"
    others = len(reasons) - 1
    return reasons[0] + (f" (and {counted(others, 'other reason')})" if others else "")


def _left(standing: Standing) -> str:
    return f"{counted(standing.open_files, 'file')}, {size_text(standing.open_bytes)}"


def _gone(standing: Standing) -> str:
    return f"; {counted(standing.gone, 'file')} vanished before" if standing.gone else ""
