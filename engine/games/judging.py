"""What follows from classes of games and from where their sets are: pure sums, each game counted once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.games.values import Content, CountedSet, Placed, Standing

NOWHERE: frozenset[str] = frozenset()


def judge(classes: Iterable[tuple[frozenset[int], int]], placed: Mapping[int, Placed]) -> Standing:
    """Return what is elsewhere, what would be lost with each node, and what is in no canonical database.

    ``classes`` are (numbers of sets, games that are in exactly these); a number that ``placed`` does not know counts
    for nothing.
    """
    elsewhere: dict[str, int] = {}
    canonical: dict[str, int] = {}
    union: dict[str, int] = {}
    at_risk: dict[str, int] = {}
    orphans = 0
    for members, games in classes:
        here = [placed[number] for number in members if number in placed]
        proving = {one.key: one.canonical for one in here if one.proven}
        for key in {one.key for one in here if one.current}:
            others = [is_canonical for other, is_canonical in proving.items() if other != key]
            if others:
                elsewhere[key] = elsewhere.get(key, 0) + games
            if any(others):
                canonical[key] = canonical.get(key, 0) + games
        safe = NOWHERE.union(*(one.saved for one in here))
        holders = NOWHERE.union(*(one.held for one in here))
        for node in holders:
            union[node] = union.get(node, 0) + games
            if not safe - {node}:
                at_risk[node] = at_risk.get(node, 0) + games
        if holders and not any(one.canonical for one in here):
            orphans += games
    return Standing(elsewhere, canonical, union, at_risk, orphans)


def place(
    contents: Iterable[Content], sets: Iterable[CountedSet], numbers: Mapping[str, int]
) -> tuple[dict[int, Placed], tuple[Content, ...]]:
    """Return where each set's games are, by its number, and the contents of which nothing at all is known.

    ``numbers`` are those of the sets by the path of their files.
    """
    exact = {counted.name: counted for counted in sets}
    newest: dict[str, CountedSet] = {}
    for counted in exact.values():
        if counted.name.key not in newest or newest[counted.name.key].counted_at < counted.counted_at:
            newest[counted.name.key] = counted
    found: dict[int, Placed] = {}
    unknown: list[Content] = []
    for content in contents:
        counted_set = exact.get(content.name) or newest.get(content.name.key)
        if counted_set is None:
            unknown.append(content)
            continue
        just_this = counted_set.name == content.name
        placed = Placed(
            key=content.name.key,
            canonical=content.canonical,
            current=content.current and just_this,
            proven=content.saved if just_this else NOWHERE,
            held=content.held,
            saved=content.saved,
        )
        number = numbers[counted_set.path]
        found[number] = _both(found[number], placed) if number in found else placed
    return found, tuple(unknown)


def _both(one: Placed, other: Placed) -> Placed:
    """Return a set's place when it stands for two contents of its entry."""
    return Placed(
        key=one.key,
        canonical=one.canonical,
        current=one.current or other.current,
        proven=one.proven | other.proven,
        held=one.held | other.held,
        saved=one.saved | other.saved,
    )
