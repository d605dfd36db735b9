"""The games of the fleet: keeps every database's set, and answers what is elsewhere and what would be lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from engine.catalog.keys import parse_key
from engine.catalog.rows import sequence_in
from engine.catalog.values import Places
from engine.clock import Clock
from engine.errors import ErrorClass, SyncdeckError
from engine.games.contents import look
from engine.games.counting import AgentFor, choose, count
from engine.games.values import Content, Copy
from engine.locations import node_of
from engine.model import EntryKey
from engine.store.store import Store
from engine.views_archive import GamesView

if TYPE_CHECKING:
    from engine.games.library import Library, Settled

log = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 1.0
LOOK_TIME_SHARE = 0.2
"""A look at the catalog may take at most this share of the time between two."""
AT_ONCE = 2
"""Databases counted at the same time, on different nodes."""
REST_SECONDS = 60.0
REST_FACTOR = 20.0
"""An entry is counted again at the earliest after this many times what counting it took: one that is written and saved
every minute would be read all the time."""
RETRY_SECONDS = 60.0
LONGEST_RETRY_SECONDS = 3_600.0

T = TypeVar("T")
Series = tuple[str, bool]
"""An entry's key, and whether it is the file as it is written: saved versions are counted in a turn of their own."""


class GameSets:
    """``run`` keeps it up to date; everything that is asked is answered from what was last worked out."""

    def __init__(
        self,
        folder: Path,
        store: Store,
        agent_for: AgentFor,
        places: Callable[[], Places],
        open_nodes: Callable[[], frozenset[str]],
        enabled: Callable[[], bool],
        clock: Clock,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """``open_nodes`` are those that may be asked now; ``enabled`` says whether to count at all."""
        self._folder = folder
        self._store = store
        self._agent_for = agent_for
        self._places = places
        self._open_nodes = open_nodes
        self._enabled = enabled
        self._clock = clock
        self._on_change = on_change
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="games")
        self._library: Library | None = None
        self._contents: tuple[Content, ...] = ()
        self._current: dict[str, Content] = {}
        self._settled: Settled | None = None
        self._seen: tuple[int, Places] | None = None
        self._counting: dict[str, asyncio.Task[None]] = {}
        self._counting_keys: set[str] = set()
        self._not_before: dict[Series, float] = {}
        self._retry: dict[Series, float] = {}
        self._wake = asyncio.Event()
        self._refreshing = asyncio.Lock()
        self._stale = True

    # --- what is asked ---------------------------------------------------------------------------------

    def proof(self, key: EntryKey) -> GamesView | None:
        """Return what is known of the games of an entry's current version; None while it is not counted.

        ``elsewhere`` counts only games in verified current versions of other entries at durable places.
        """
        content = self._current.get(str(key))
        counted = None if self._settled is None or content is None else self._settled.sets.get(content.name)
        if counted is None or counted.not_games or self._settled is None:
            return None
        standing = self._settled.standing
        elsewhere = standing.elsewhere.get(str(key), 0)
        return GamesView(
            complete=counted.unique,
            elsewhere=elsewhere,
            only_here=counted.unique - elsewhere,
            incomplete=counted.incomplete,
            counted_at=counted.counted_at,
            canonical=standing.canonical.get(str(key), 0),
            orphan_moves=counted.orphan_moves,
        )

    def at_risk(self, node: str) -> int | None:
        """Return how many complete games would be lost with a node; None while something it holds is not counted.

        Lost is a game that no verified current version at a durable place of another node holds. Where a database was
        written since it was last counted, its last set stands for it (see ``counted_at``).
        """
        if self._settled is None or any(node in content.held for content in self._settled.unknown):
            return None
        return self._settled.standing.at_risk.get(node, 0)

    def held(self, node: str) -> int | None:
        """Return how many different complete games a node holds; None while something it holds is not counted."""
        if self._settled is None or any(node in content.held for content in self._settled.unknown):
            return None
        return self._settled.standing.union.get(node, 0)

    def counted_at(self, node: str) -> float | None:
        """Return since when the figures of a node hold: when the oldest of its sets was counted."""
        if self._settled is None:
            return None
        times = self._settled.counted_at
        keys = {content.name.key for content in self._contents if node in content.held}
        return min((times[key] for key in keys if key in times), default=None)

    def orphans(self) -> int | None:
        """Return how many complete games are in no canonical database; None before the first look."""
        return None if self._settled is None else self._settled.standing.orphans

    async def of_node(self, node: str) -> int | None:
        """See ``at_risk``."""
        return self.at_risk(node)

    async def of_keys(self, keys: Sequence[str]) -> Mapping[str, int]:
        """Return how many games of each entry are in no other database; entries that are not counted are left out."""
        proofs = {key: self.proof(parse_key(key)) for key in keys}
        return {key: proof.only_here for key, proof in proofs.items() if proof is not None}

    # --- keeping it up to date -------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow the catalog and count, for ever. Raises StoreError, and SyncdeckError for a fault of ours."""
        while True:
            started = self._clock.monotonic()
            await self.refresh()
            self._start()
            took = self._clock.monotonic() - started
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), max(LOOK_EVERY_SECONDS, took / LOOK_TIME_SHARE))
            except TimeoutError:
                continue
            finally:
                self._reap()

    async def once(self) -> None:
        """Count everything that can be counted now, then return."""
        await self.refresh()
        self._start()
        while self._counting:
            await asyncio.wait(list(self._counting.values()), return_when=asyncio.FIRST_COMPLETED)
            self._reap()
            await self.refresh()
            self._start()

    async def refresh(self) -> None:
        """Take over what changed in the catalog, in the fleet, or among the sets; cheap when nothing did."""
        async with self._refreshing:
            places = self._places()
            sequence = await self._store.query(sequence_in)
            if (sequence, places) == self._seen and not self._stale:
                return
            self._stale = False
            sequence, contents = await self._store.query(lambda connection: look(connection, places))
            library = await self._open()
            now = self._clock.now()
            before = self._settled
            self._settled = await self._in_thread(lambda: library.settle(contents, now))
            self._contents = contents
            self._current = {content.name.key: content for content in contents if content.current}
            self._seen = (sequence, places)
        if before is None or before.standing != self._settled.standing:
            self._on_change()

    async def close(self) -> None:
        """End what is under way; it begins again at the next start."""
        tasks = list(self._counting.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._library is not None:
            await self._in_thread(self._library.close)
        await asyncio.to_thread(self._thread.shutdown)

    async def _open(self) -> Library:
        if self._library is None:
            self._library = await self._in_thread(lambda: _library(self._folder))
        return self._library

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _start(self) -> None:
        """Start counting on nodes that have nothing to do, up to the limit."""
        while self._settled is not None and self._enabled() and len(self._counting) < AT_ONCE:
            free = self._open_nodes() - set(self._counting)
            chosen = choose(self._contents, self._settled.sets, free, self._is_due)
            if chosen is None:
                return
            content, copy = chosen
            node = node_of(copy.location)
            self._counting_keys.add(content.name.key)
            self._counting[node] = asyncio.create_task(self._count(content, copy), name=f"games of {content.name.key}")
            self._counting[node].add_done_callback(lambda _: self._wake.set())

    def _is_due(self, content: Content) -> bool:
        series, now = _series(content), self._clock.monotonic()
        return content.name.key not in self._counting_keys and now >= self._not_before.get(series, 0.0)

    async def _count(self, content: Content, copy: Copy) -> None:
        key, series, started = content.name.key, _series(content), self._clock.monotonic()
        library = await self._open()
        try:
            agent = await self._agent_for(node_of(copy.location))
            counted = await count(content, copy, agent, self._folder, self._clock)
            await self._in_thread(lambda: library.put(counted))
        except SyncdeckError as error:
            if error.error_class is ErrorClass.BUG:
                raise
            wait = self._retry[series] = min(2 * self._retry.get(series, RETRY_SECONDS / 2), LONGEST_RETRY_SECONDS)
            self._not_before[series] = self._clock.monotonic() + wait
            log.warning("the games of %s are not counted now: %s; %s", key, error, error.remedy)
        else:
            now = self._clock.monotonic()
            self._retry.pop(series, None)
            self._not_before[series] = now + max(REST_SECONDS, REST_FACTOR * (now - started))
            self._stale = True
        finally:
            self._counting_keys.discard(key)

    def _reap(self) -> None:
        """Let go of what ended; raises what a fault of ours raised."""
        for node, task in list(self._counting.items()):
            if task.done():
                del self._counting[node]
                task.result()


def _series(content: Content) -> Series:
    """Return what a content follows on: after a file as it is written, its saved version is counted without a rest."""
    return content.name.key, content.name.live


def _library(folder: Path) -> Library:
    """Import numpy in the thread that needs it: it takes a tenth of a second, and commands never do."""
    from engine.games.library import Library

    return Library(folder)
