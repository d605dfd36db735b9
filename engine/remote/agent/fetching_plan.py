"""Which chunks are asked of which source next: pure but for the locks that its caller holds."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from engine.remote.agent.fetching_spans import Spans, common, count, holds, normal, rarest, union, without

# A request for about this long keeps requests few on long ways, and what arrives nearly in order.
RUN_SECONDS = 2.0
MOST_CHUNKS_OF_RUN = 16
FIRST_CHUNKS_OF_RUN = 4
# Breaks that brought too little, for each of a source's URLs, until the source is given up.
BREAKS_OF_URL = 3
# What a connection must bring before it breaks, if not a whole chunk: as much as the transport manager asks of a try.
LEAST_GAIN_BYTES = 256 << 10
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 3.0
# One wrong chunk may be an accident; a source that sends two is of no use.
MOST_WRONG = 2
# Answers that ask for patience, one after the other, until a source counts as too busy.
MOST_PAUSES = 6
LONGEST_BUSY_SECONDS = 10.0
# A chunk is asked for a second time only where the second one should arrive in less than half the time.
SLOW_AFTER_SECONDS = 1.0
SMOOTHING = 0.5
CONNECTIONS_OF_FAST_PEER = 3
# A connection of this speed is not what the fetch waits for: it is the hash of what was written, and every further
# connection would take processor time from that.
FULL_SPEED_BYTES_PER_SECOND = 200 << 20
# How long a source's first connection has to show that speed before others are made.
SHOW_SECONDS = 0.05
# A speed that was measured holds no more once a chunk takes that much longer than it would at full speed.
SPEED_HOLDS_SECONDS = 0.25


class Source:
    """What is known of one source. ``have`` None: everything. ``speed``: bytes per second of one connection."""

    def __init__(self, identity: str) -> None:
        self.id = identity
        self.urls: List[str] = []
        self.have: Optional[Spans] = None
        self.ranges: Optional[bool] = None
        self.active = 0
        self.wrong = 0
        self.turn = 0
        """How often it came under other URLs."""
        self.breaks = 0
        self.pauses = 0
        self.retry_at = 0.0
        self.broke_at = float("-inf")
        self.speed: Optional[float] = None
        self.asked_at: Optional[float] = None
        """When it was first asked for anything."""
        self.failed: Optional[Tuple[str, str]] = None
        self._url = 0

    @property
    def url(self) -> str:
        """The URL to try now."""
        return self.urls[self._url % len(self.urls)]

    def next_url(self) -> None:
        """Try another URL from now on."""
        self._url += 1

    def update(self, offered: Dict[str, Any]) -> None:
        """Take over what the engine says; other URLs than before make a source that failed worth another try, but one
        that lied."""
        urls = list(offered["urls"])
        if urls != self.urls:
            self.urls, self._url, self.breaks, self.pauses, self.retry_at = urls, 0, 0, 0, 0.0
            self.turn += 1
            if self.wrong < MOST_WRONG:
                self.failed = None
        self.have = None if offered["have"] is None else normal(offered["have"])
        if self.ranges is None:
            self.ranges = offered["ranges"]


class Run:
    """Chunks [at, past) that one connection fetches, in order; ``past`` shrinks when another takes its end over."""

    def __init__(self, source: Source, at: int, past: int, now: float) -> None:
        self.source = source
        self.at = at
        self.past = past
        self.stopped = False
        self.filled = 0
        self.gained = 0
        self.began_at = self.begun_at = now
        """When it began at all, and with the chunk at which it is."""
        self.taken = 0
        """Bytes that its connection brought, over all its chunks."""
        self.brought = False
        self.connection: Any = None
        """What it reads from, for its fetch to close when it is stopped."""

    @property
    def over(self) -> bool:
        """Whether nothing is left to do for it."""
        return self.stopped or self.at >= self.past

    @property
    def paid(self) -> bool:
        """Whether its connection brought enough to have been worth making, so that another may be made for ever."""
        return self.brought or self.taken >= LEAST_GAIN_BYTES


class Plan:
    """The chunks of one content: done, being fetched, missing. ``start`` is where a peer begins to look."""

    def __init__(self, size: int, chunk_bytes: int, connections: int, rarest_first: bool, start: int) -> None:
        self.chunk_bytes = chunk_bytes
        self.chunks = -(-size // chunk_bytes)
        self.sources: Dict[str, Source] = {}
        self.done: Spans = []
        self.runs: List[Run] = []
        self.parked: Set[int] = set()
        self._size = size
        self._connections = connections
        self._rarest_first = rarest_first
        self._start = start
        self._refused: Dict[int, Set[str]] = {}

    def length(self, number: int) -> int:
        """Return the bytes of a chunk."""
        return min(self.chunk_bytes, self._size - number * self.chunk_bytes)

    @property
    def finished(self) -> bool:
        """Whether every chunk is done."""
        return count(self.done) == self.chunks

    def offer(self, offered: List[Dict[str, Any]]) -> None:
        """Replace the list of sources; connections to those that are gone stop."""
        kept: Dict[str, Source] = {}
        for each in offered:
            source = self.sources.get(each["id"]) or Source(each["id"])
            source.update(each)
            if source.urls:
                kept[source.id] = source
        self.sources = kept
        for run in self.runs:
            run.stopped = run.stopped or run.source.id not in kept
            if run.source.have is not None and not run.stopped:
                kept_ends = [past for first, past in run.source.have if first <= run.at + 1 < past]
                run.past = min(run.past, max([run.at + 1, *kept_ends]))

    def next_run(self, now: float) -> Optional[Run]:
        """Return what a free connection fetches next, or None while there is nothing for it."""
        missing = self.missing()
        for source in self._ready(now):
            wanted = self._askable(source, missing)
            if wanted:
                return self._begin(source, *self._cut(source, wanted, missing), now)
        return self._take_over(now) or self._fetch_twice(now)

    def missing(self) -> Spans:
        """Return the chunks that nobody fetches and that are not done."""
        taken = normal((run.at, run.past) for run in self.runs if not run.over)
        return without(without(normal([(0, self.chunks)]), self.done), taken)

    def complete(self, run: Run, now: float) -> None:
        """Say that the chunk at which a run is has arrived; whoever fetches it too stops."""
        number = run.at
        speed = run.gained / max(1e-3, now - run.begun_at)
        before = run.source.speed
        run.source.speed = speed if before is None else before + SMOOTHING * (speed - before)
        run.source.breaks = run.source.pauses = 0
        self.done = union(self.done, [(number, number + 1)])
        for other in self.runs:
            if other is not run and other.at == number:
                other.stopped = True
        self.advance(run, now)

    def advance(self, run: Run, now: float) -> None:
        """Go on to the run's next chunk."""
        run.at += 1
        run.filled = run.gained = 0
        run.begun_at = now

    def leave(self, run: Run) -> None:
        """End a run, done or not; what is left of it is missing again."""
        self.runs.remove(run)
        run.source.active -= 1

    def reopen(self, spans: Spans) -> None:
        """Fetch chunks anew."""
        self.done = without(self.done, spans)

    def widen(self, run: Run) -> None:
        """The source sends everything from the start: the run is all that is missing."""
        run.source.ranges = False
        missing = union(self.missing(), [(run.at, run.past)])
        run.at, run.past = missing[0][0], missing[-1][1]

    def wrong(self, source: Source, number: int) -> None:
        """A chunk of a source was not what it must be: ask another one, and give up who does it again."""
        source.wrong += 1
        self._refused.setdefault(number, set()).add(source.id)
        if source.wrong >= MOST_WRONG:
            self.give_up(source, "it sent wrong bytes twice", "checksum-mismatch")

    def broke(self, run: Run, reason: str, now: float, chance: Callable[[], float]) -> None:
        """A connection broke: soon again where it brought enough, ever later and by other URLs where not.

        Those that were made before another of the same source broke say nothing more than that one did.
        """
        source = run.source
        if run.paid:
            source.breaks = 0
        elif run.began_at >= source.broke_at:
            source.breaks += 1
            source.next_url()
        source.broke_at = now
        if source.breaks >= BREAKS_OF_URL * len(source.urls):
            self.give_up(source, reason, "transient-network")
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(source.breaks, 10))
        source.retry_at = now + longest * (0.5 + chance() / 2)

    def pause(self, source: Source, seconds: float, now: float) -> None:
        """Leave a source alone that asked for it; not for ever."""
        source.pauses += 1
        source.retry_at = now + min(seconds, LONGEST_BUSY_SECONDS)
        if source.pauses >= MOST_PAUSES:
            self.give_up(source, "it is busy", "throttled")

    def give_up(self, source: Source, reason: str, error_class: str) -> None:
        """Ask a source for nothing any more."""
        if source.failed is None:
            source.failed = (reason, error_class)
        for run in self.runs:
            run.stopped = run.stopped or run.source is source

    def nothing_to_ask(self) -> bool:
        """Return whether no source that is left has any chunk that is missing, while nothing is on its way."""
        if self.runs:
            return False
        missing = self.missing()
        return bool(missing) and not any(self._askable(source, missing) for source in self._live())

    def all_failed(self) -> Optional[Tuple[str, str]]:
        """Return why (reason, class) when no source is left: what the first of them said."""
        failures = [source.failed for source in self.sources.values()]
        if not failures:
            return "there is no source", "transient-network"
        return failures[0] if all(failure is not None for failure in failures) else None

    def one_brings_all(self, source: Source, now: float) -> bool:
        """Return whether one connection showed full speed and still has it, or has the time to show it."""
        if source.speed is None:
            return source.asked_at is not None and now - source.asked_at < SHOW_SECONDS
        slowed = any(run.source is source and now - run.begun_at >= SPEED_HOLDS_SECONDS for run in self.runs)
        return source.speed >= FULL_SPEED_BYTES_PER_SECOND and not slowed

    def _live(self) -> List[Source]:
        return [source for source in self.sources.values() if source.failed is None]

    def _ready(self, now: float) -> List[Source]:
        """Return the sources that another connection may ask, the least busy and fastest first."""
        rested = [source for source in self._live() if source.retry_at <= now]
        ready = [source for source in rested if source.active < self._most_active(source, now)]
        return sorted(ready, key=lambda source: (source.active, -(source.speed or float("inf"))))

    def _most_active(self, source: Source, now: float) -> int:
        """One whose answers are not known yet, or that broke last, gets one connection, and so does one of which one
        brings all that can be taken. So does a peer that takes long for a chunk: others wait for the same, and whole
        chunks are what can be passed on."""
        if not source.ranges or source.breaks:
            return 1
        if self.one_brings_all(source, now):
            return 1
        if source.have is None:
            return self._connections
        return 1 if (source.speed or 0.0) < self.chunk_bytes else CONNECTIONS_OF_FAST_PEER

    def _askable(self, source: Source, missing: Spans) -> Spans:
        wanted = missing if source.have is None else common(missing, source.have)
        if not self._refused or not wanted:
            return wanted
        refused = [n for n, ids in self._refused.items() if source.id in ids and self._others_have(n, ids)]
        return without(wanted, normal((number, number + 1) for number in refused))

    def _others_have(self, number: int, ids: Set[str]) -> bool:
        others = [source for source in self._live() if source.id not in ids]
        return any(source.have is None or holds(source.have, number) for source in others)

    def _cut(self, source: Source, wanted: Spans, missing: Spans) -> Tuple[int, int]:
        """Return the piece of ``wanted`` to ask for: what broke in its middle first."""
        if source.ranges is False:
            return wanted[0][0], wanted[-1][1]
        parked = [number for number in self.parked if holds(wanted, number)]
        holders = [each.have for each in self._live() if each.have is not None]
        if self._rarest_first and holders:
            first = min(parked) if parked else rarest(wanted, holders, self._start)[0]
            return first, first + 1
        first = min(parked) if parked else wanted[0][0]
        past = next(past for begin, past in wanted if begin <= first < past)
        share = -(-count(missing) // (2 * self._connections))
        return first, min(past, first + max(1, min(self._longest(source), share)))

    def _longest(self, source: Source) -> int:
        if source.speed is None:
            return FIRST_CHUNKS_OF_RUN
        return max(1, min(MOST_CHUNKS_OF_RUN, int(source.speed * RUN_SECONDS / self.chunk_bytes)))

    def _begin(self, source: Source, first: int, past: int, now: float) -> Run:
        run = Run(source, first, past, now)
        source.active += 1
        if source.asked_at is None:
            source.asked_at = now
        self.runs.append(run)
        return run

    def _take_over(self, now: float) -> Optional[Run]:
        """Take the later half of what the longest run has not begun with."""
        for run in sorted(self.runs, key=lambda run: run.at - run.past):
            begin = run.at + 1 + (run.past - run.at - 1) // 2
            if run.stopped or begin >= run.past:
                continue
            for source in self._ready(now):
                spans = self._askable(source, [(begin, run.past)])
                if spans and spans[-1][1] == run.past and source.ranges is not False:
                    first = spans[-1][0]
                    past, run.past = run.past, first
                    return self._begin(source, first, past, now)
        return None

    def _fetch_twice(self, now: float) -> Optional[Run]:
        """Ask another source too for a chunk that a slow one will not deliver soon."""
        for run in self.runs:
            waited = now - run.begun_at
            rivals = sum(1 for other in self.runs if other.at == run.at and not other.over)
            if run.over or waited < SLOW_AFTER_SECONDS or rivals > 1:
                continue
            length = self.length(run.at)
            left = (length - run.filled) * waited / max(1, run.gained)
            for source in self._ready(now):
                soon = length / (source.speed or run.source.speed or float(self.chunk_bytes))
                other = source is not run.source and source.ranges is not False
                if other and left > 2 * soon and self._askable(source, [(run.at, run.at + 1)]):
                    return self._begin(source, run.at, run.at + 1, now)
        return None
