"""Which fetcher gets which chunk from those who have everything, so that each leaves them only once: pure.

A chunk that no fetcher has yet is asked of a full source by one fetcher only, which passes it on. So the upload of
the one node that has a content goes into different chunks, as BitTorrent's initial seeding does.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.remote.agent.fetching_spans import Spans, common, count, union, without

STARVED_SECONDS = 1.0
"""A fetcher that none of its peers can give anything for so long may ask for what others fetch at the moment."""


class Shares:
    """Divides ``chunks`` among fetchers that come and go."""

    def __init__(self, chunks: int) -> None:
        self._all: Spans = [(0, chunks)] if chunks else []
        self._shares: dict[int, Spans] = {}
        self._starved_since: dict[int, float] = {}

    def divide(
        self, fetching: Mapping[int, Spans], reachable: Mapping[int, Spans], finished: bool, now: float
    ) -> dict[int, Spans]:
        """Return for each fetcher the chunks that it may ask full sources for.

        ``fetching`` holds what each fetcher has, ``reachable`` what the peers have that it can ask; ``finished``:
        one of them has everything by now. ``now``: monotonic seconds.
        """
        spread: Spans = list(self._all) if finished else []
        for have in fetching.values():
            spread = union(spread, have)
        free = without(self._all, spread)
        self._shares = {each: common(self._shares.get(each, []), free) for each in fetching}
        self._hand_out(free)
        if not free:
            return dict.fromkeys(fetching, self._all)
        allowed = {}
        for each, have in fetching.items():
            elsewhere = without(without(spread, have), reachable[each])
            share = union(self._shares[each], elsewhere)
            idle = not share and not without(reachable[each], have)
            allowed[each] = free if self._starved(each, idle, now) else share
        return allowed

    def _hand_out(self, free: Spans) -> None:
        """Give what nobody has a share in to those without one; then halve the largest shares for the others."""
        empty = [each for each, share in self._shares.items() if not share]
        left = free
        for share in self._shares.values():
            left = without(left, share)
        takers = empty or list(self._shares)
        for number, each in enumerate(takers):
            part, left = _parted(left, -(-count(left) // (len(takers) - number)))
            self._shares[each] = union(self._shares[each], part)
        for each in empty:
            largest = max(self._shares, key=lambda other: count(self._shares[other]))
            whole = self._shares[largest]
            if not self._shares[each] and count(whole) > 1:
                self._shares[largest], self._shares[each] = _parted(whole, -(-count(whole) // 2))

    def _starved(self, each: int, idle: bool, now: float) -> bool:
        if not idle:
            self._starved_since.pop(each, None)
            return False
        return now - self._starved_since.setdefault(each, now) >= STARVED_SECONDS


def _parted(spans: Spans, wanted: int) -> tuple[Spans, Spans]:
    """Return the first ``wanted`` chunks, and the rest."""
    first: Spans = []
    rest: Spans = []
    for begin, past in spans:
        taken = min(past - begin, max(0, wanted))
        wanted -= taken
        if taken:
            first.append((begin, begin + taken))
        if begin + taken < past:
            rest.append((begin + taken, past))
    return first, rest
