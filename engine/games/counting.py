"""Counting one content on its node, and which content is to be counted next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from engine.clock import Clock
from engine.errors import ErrorClass, SyncdeckError
from engine.games.values import Content, ContentName, Copy, CountedSet
from engine.locations import node_of
from engine.remote.types import NodeAgent

if TYPE_CHECKING:
    from engine.games.gathering import Gathering

IDS_PER_SECOND = 200_000.0
"""Ten million games take a minute at this rate, and the node and its disk are left time for others."""

AgentFor = Callable[[str], Awaitable[NodeAgent]]


async def count(content: Content, copy: Copy, agent: NodeAgent, folder: Path, clock: Clock) -> CountedSet:
    """Count a content from one of its copies and write its set. Raises SyncdeckError; then nothing is left.

    source-changed: the file is not what the catalog knows it as, and what it holds says nothing of this content.
    """
    gathering: Gathering | None = None
    try:
        gathering = await asyncio.to_thread(_gathering, folder, content.name)
        held = gathering

        async def take(block: bytes) -> None:
            await asyncio.to_thread(held.add, block)

        counts = await agent.game_ids(copy.path, take, IDS_PER_SECOND)
        if not content.name.live and not counts.stat.same_content_as(copy.stat):
            raise _changed(content, copy)
        counted = CountedSet(
            name=content.name,
            complete=counts.complete,
            incomplete=counts.incomplete,
            orphan_moves=counts.orphan_moves,
            unique=0,
            counted_at=clock.now(),
            stat=counts.stat,
            not_games=counts.not_games,
            path="",
        )
        return await asyncio.to_thread(gathering.finish, counted, folder)
    except OSError as error:
        raise SyncdeckError(
            "keep the set of games of",
            content.name.key,
            str(error),
            "free space on the disk that holds the state folder",
            ErrorClass.NO_SPACE,
        ) from error
    finally:
        if gathering is not None:
            await asyncio.shield(asyncio.to_thread(gathering.close))


def _gathering(folder: Path, name: ContentName) -> Gathering:
    """Import numpy in the thread that needs it: it takes a tenth of a second."""
    from engine.games.gathering import Gathering
    from engine.games.setfile import file_name

    return Gathering(folder, file_name(name))


def _changed(content: Content, copy: Copy) -> SyncdeckError:
    return SyncdeckError(
        "count the games of",
        f"{content.name.key} at {copy.location}",
        "the file changed since it was last looked at",
        "it is tried again by itself after the next scan",
        ErrorClass.SOURCE_CHANGED,
    )


def choose(
    contents: Iterable[Content],
    sets: Mapping[ContentName, CountedSet],
    open_nodes: Collection[str],
    due: Callable[[Content], bool],
) -> tuple[Content, Copy] | None:
    """Return what to count next and from which copy: what says most about the fleet first. Pure."""
    best: tuple[tuple[int, int], Content, Copy] | None = None
    for content in contents:
        if not _is_wanted(content, sets.get(content.name)) or not due(content):
            continue
        copy = next((copy for copy in content.readable if node_of(copy.location) in open_nodes), None)
        if copy is None:
            continue
        worth = (_rank(content), -content.size_bytes)
        if best is None or worth < best[0]:
            best = (worth, content, copy)
    return None if best is None else (best[1], best[2])


def _is_wanted(content: Content, counted: CountedSet | None) -> bool:
    """A file that is being written is counted again when it changed; a version never changes."""
    if counted is None:
        return True
    return content.name.live and not any(copy.stat.same_content_as(counted.stat) for copy in content.readable)


def _rank(content: Content) -> int:
    """Canonical databases prove the most; then what is current, what is being written, and what is old."""
    if content.current:
        return 0 if content.canonical else 1
    return 2 if content.name.live else 3
