"""How an operator's act is written down: what it was done to, in words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from config.editing.errors import EditRefused
from config.editing.rules import parse_rule
from engine.views import SyncRequest
from engine.views_archive import ArchiveRequest
from engine.views_rules import RuleDraft

Audit = Callable[[str, str, str], Awaitable[None]]
"""Writes down an operator's act: the action, what was acted upon (a node, a key, a transfer, a file), its detail."""

MOST_NAMED = 20
"""So many things that an act was done to are named; of more, the rest is counted."""


def subject_of(names: Sequence[object], kind: str = "", every: str = "everything") -> str:
    """Return what an act was done to in words; ``every`` stands for no names at all."""
    if not names:
        return every
    shown = ", ".join(map(str, names[:MOST_NAMED]))
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    plural = "" if len(names) == 1 else "s"
    return f"{kind}{plural} {shown}{more}" if kind else f"{shown}{more}"


def sync_subject(request: SyncRequest) -> str:
    """Return what a sync is about: its files or what they have in common, and where they go, or come from."""
    words = [subject_of(request.keys, every="")] if request.keys else []
    words += [word for word in (request.data_type, request.config_key) if word]
    about = " ".join(words) or "everything"
    saved = f" of {', '.join(request.nodes)}" if request.nodes else ""
    return f"{about}{saved}" + (f" to {', '.join(request.targets)}" if request.targets else "")


def archive_subject(request: ArchiveRequest) -> str:
    """Return what an archiving is about: its files, and where they are."""
    at = f" at {request.location}" if request.location else ""
    return f"{subject_of(request.keys, every='all candidates')}{at}"


def rule_subject(draft: RuleDraft) -> str:
    """Return the rule that a draft is about, or the finding that it mends."""
    if draft.fix_id is not None:
        return draft.fix_id
    if draft.replaces is not None:
        return f"rule {draft.replaces}"
    try:
        return f"rule {parse_rule(draft.yaml)['name']}"
    except EditRefused:
        return "a rule"
