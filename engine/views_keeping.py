"""What an operator is shown of copies that stand in the way of a new version, and are kept beside it. Plain values."""

from __future__ import annotations

from dataclasses import dataclass

from engine.views import RefusalView


@dataclass(frozen=True, slots=True)
class KeepRequest:
    """Which copies to keep under another name: those of ``keys``, at ``nodes``, among ``places`` ((key, node or
    location) of blocked transfers). What is empty does not narrow it: all empty means all of them."""

    keys: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    places: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class KeepStep:
    """One copy, and what it is called from then on. ``code`` says why it is in the way: smaller (the new version is)
    or diverged. ``coming_bytes``: what takes its place, at most; None where nothing does now."""

    key: str
    code: str
    node: str
    location: str
    path: str
    kept_key: str
    kept_path: str
    size_bytes: int
    coming_bytes: int | None
    sha256: str


@dataclass(frozen=True, slots=True)
class KeepPreview:
    """What a request would do. ``transfers`` is how many blocked ones go on then, ``more`` how many copies a next
    request is for: one looks at so many only."""

    request: KeepRequest
    files: int
    bytes: int
    transfers: int
    steps: tuple[KeepStep, ...]
    refused: tuple[RefusalView, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class KeepResult:
    """What a request did, in one sentence; ``kept`` is what has its new name, ``refused`` what was left as it is."""

    accepted: int
    message: str
    transfers: int
    kept: tuple[KeepStep, ...]
    refused: tuple[RefusalView, ...]
    more: int = 0
