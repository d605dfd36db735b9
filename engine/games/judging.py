"""What follows from classes of games and from where their contents are: pure sums, each game counted once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.games.values import Content, Standing


def judge(classes: Iterable[tuple[frozenset[int], int]], contents: Mapping[int, Content]) -> Standing:
    """Return what is elsewhere, what would be lost with each node, and what is in no canonical database.

    ``classes`` are (numbers of contents, games that are in exactly these); a number that ``contents`` does not know
    counts for nothing. Saved is only what ``Content.saved`` says: a verified copy at a durable place.
    """
    complete: dict[str, int] = {}
    elsewhere: dict[str, int] = {}
    canonical: dict[str, int] = {}
    union: dict[str, int] = {}
    at_risk: dict[str, int] = {}
    orphans = 0
    for members, games in classes:
        here = [contents[number] for number in members if number in contents]
        if not here:
            continue
        saving = {content.name.key: content.canonical for content in here if content.saved}
        for key in {content.name.key for content in here if content.current}:
            complete[key] = complete.get(key, 0) + games
            others = [is_canonical for other, is_canonical in saving.items() if other != key]
            if others:
                elsewhere[key] = elsewhere.get(key, 0) + games
            if any(others):
                canonical[key] = canonical.get(key, 0) + games
        safe = frozenset().union(*(content.saved for content in here))
        for node in frozenset().union(*(content.held for content in here)):
            union[node] = union.get(node, 0) + games
            if not safe - {node}:
                at_risk[node] = at_risk.get(node, 0) + games
        if not any(content.canonical and content.current for content in here):
            orphans += games
    return Standing(complete, elsewhere, canonical, union, at_risk, orphans)
