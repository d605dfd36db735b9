"""Watches the file and yields what each change amounts to: a new policy, or why there is none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from watchfiles import Change, awatch

from config.errors import ConfigError
from config.load import LoadedConfig, load

_DEBOUNCE_MS = 200
"""An editor saves in several steps (write, rename, chmod): wait until they are over."""

_LOOK_ANYWAY_MS = 5_000
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
    seen = digest
    if seen is not None:
        outcome = await _read(path)
        if _identity(outcome) != seen:
            seen = _identity(outcome)
            yield outcome
    async for _ in awatch(
        *_folders(path),
        watch_filter=_only(path),
        debounce=_DEBOUNCE_MS,
        rust_timeout=_LOOK_ANYWAY_MS,
        yield_on_timeout=True,
        stop_event=stop,
        recursive=False,
    ):
        outcome = await _read(path)
        if _identity(outcome) != seen:
            seen = _identity(outcome)
            yield outcome


async def _read(path: Path) -> Outcome:
    """Return the outcome of loading now; in a thread, because the console shares this event loop."""
    try:
        return await asyncio.to_thread(load, path)
    except ConfigError as error:
        return error


def _identity(outcome: Outcome) -> str:
    """What makes two outcomes the same: the content of the file, or everything that is said against it."""
    if isinstance(outcome, LoadedConfig):
        return outcome.policy.digest
    return f"{outcome}|{[(f.line, f.column, f.message) for f in outcome.findings]}"


def _folders(path: Path) -> tuple[Path, ...]:
    return tuple(dict.fromkeys((path.absolute().parent, path.resolve().parent)))


def _only(path: Path):  # type: ignore[no-untyped-def]
    names = {path.name, path.resolve().name}

    def relevant(_change: Change, changed: str) -> bool:
        return Path(changed).name in names

    return relevant
