"""Watches the file and yields what each change amounts to: a new policy, or why there is none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
from watchfiles import Change, awatch

from config.errors import ConfigError
from config.load import LoadedConfig, load

_DEBOUNCE_MS = 200
"""An editor saves in several steps (write, rename, chmod): wait until they are over."""

_LOOK_ANYWAY_MS = 2_000
"""Network file systems report no changes made elsewhere, so the file is looked at this often in any case."""

Outcome = LoadedConfig | ConfigError


async def watch(
    path: Path, digest: str | None = None, stop: asyncio.Event | None = None
) -> AsyncIterator[LoadedConfig | ConfigError]:
    """Yield an outcome for every change of the file's content, until ``stop`` is set.

    ``digest`` is that of the policy in force, so that a change made before the watch began is not missed.
    A ``ConfigError`` means: keep the policy you have, and say so. The folder is watched rather than the file,
    because editors replace files; where the path is a symbolic link, the folder of its target as well.
    """
    follower = _Follower(path, digest)
    if digest is not None and (outcome := await follower.look()) is not None:
        yield outcome
    # The watcher's own library loads what it needs at its first use: in a thread, or this loop would stand for it.
    await asyncio.to_thread(anyio.run, anyio.sleep, 0)
    async for changes in awatch(
        *_folders(path),
        watch_filter=_only(follower),
        debounce=_DEBOUNCE_MS,
        rust_timeout=_LOOK_ANYWAY_MS,
        yield_on_timeout=True,
        stop_event=stop,
        recursive=False,
    ):
        if (changes or follower.touched()) and (outcome := await follower.look()) is not None:
            yield outcome


class _Follower:
    """Remembers what was read last, so that only news are told."""

    def __init__(self, path: Path, digest: str | None) -> None:
        self._path = path
        self._seen = digest
        self._signature: object = None
        self._rules: Path | None = None

    def touched(self) -> bool:
        """Return whether a stat of the file, or of its file of rules, differs from the last look; no reading."""
        return self._stats() != self._signature

    def watches(self, name: str) -> bool:
        """Return whether a file of this name may be the configuration or its file of rules."""
        names = {self._path.name, self._path.resolve().name}
        return name in names or (self._rules is not None and name in {self._rules.name, self._rules.resolve().name})

    def _stats(self) -> object:
        return _signature(self._path), _signature(self._rules) if self._rules is not None else None

    async def look(self) -> Outcome | None:
        """Read the file in a thread (the console shares this event loop); return the outcome when it is new."""
        before = _signature(self._path)
        rules_before = _signature(self._rules) if self._rules is not None else None
        outcome = await asyncio.to_thread(_outcome, self._path)
        rules = _rules_of(outcome)
        if isinstance(outcome, LoadedConfig) and rules != self._rules:
            self._rules, rules_before = rules, _signature(rules) if rules is not None else None
        self._signature = (before, rules_before)
        identity = _identity(outcome)
        if identity == self._seen:
            return None
        self._seen = identity
        return outcome


def _outcome(path: Path) -> Outcome:
    try:
        return load(path)
    except ConfigError as error:
        return error


def _rules_of(outcome: Outcome) -> Path | None:
    return outcome.apart.path if isinstance(outcome, LoadedConfig) and outcome.apart is not None else None


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _identity(outcome: Outcome) -> str:
    """What makes two outcomes the same: the content of the file, or everything that is said against it."""
    if isinstance(outcome, LoadedConfig):
        return outcome.policy.digest
    return f"{outcome}|{[(f.line, f.column, f.message) for f in outcome.findings]}"


def _folders(path: Path) -> tuple[Path, ...]:
    return tuple(dict.fromkeys((path.absolute().parent, path.resolve().parent)))


def _only(follower: _Follower) -> Callable[[Change, str], bool]:
    def relevant(_change: Change, changed: str) -> bool:
        return follower.watches(Path(changed).name)

    return relevant
