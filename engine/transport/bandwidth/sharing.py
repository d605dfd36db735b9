"""Weighted max-min fairness: pure.

The algorithm is progressive filling (Bertsekas and Gallager, Data Networks, 2nd ed., 6.5.2), weighted: all rates grow
in proportion to their weights; whoever meets a full link, or has all that it can use, stays at what it has while the
others go on. Nothing that somebody could use stays idle, and no link is ever given out twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Demand:
    """One flow: the links it crosses, its weight, and the bytes/s it can use at most (None: any amount)."""

    id: int
    links: tuple[str, ...]
    weight: float
    most: float | None = None


def share(demands: Sequence[Demand], capacity: Mapping[str, float]) -> dict[int, float | None]:
    """Return bytes/s for every flow, None where nothing bounds it.

    ``capacity`` holds the links that have a limit, in bytes/s; links that are not in it bound nobody.
    """
    left = {link: max(0.0, amount) for link, amount in capacity.items()}
    given: dict[int, float | None] = {demand.id: None for demand in demands if not _bounded(demand, left)}
    growing = [demand for demand in demands if demand.id not in given]
    level = 0.0
    while growing:
        load: dict[str, float] = {}
        for demand in growing:
            for link in _limited(demand, left):
                load[link] = load.get(link, 0.0) + demand.weight
        step = min(
            min((left[link] / weight for link, weight in load.items()), default=float("inf")),
            min((d.most / d.weight - level for d in growing if d.most is not None), default=float("inf")),
        )
        step = max(0.0, step)
        level += step
        full = set()
        for link, weight in load.items():
            if left[link] - step * weight <= capacity[link] * 1e-9:
                full.add(link)
            left[link] = max(0.0, left[link] - step * weight)
        stays = [
            demand
            for demand in growing
            if full.intersection(demand.links)
            or (demand.most is not None and demand.most <= level * demand.weight * (1 + 1e-9))
        ]
        for demand in stays:
            given[demand.id] = level * demand.weight
        ended = {demand.id for demand in stays}
        growing = [demand for demand in growing if demand.id not in ended]
    return given


def _limited(demand: Demand, left: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(link for link in dict.fromkeys(demand.links) if link in left)


def _bounded(demand: Demand, left: Mapping[str, float]) -> bool:
    return demand.most is not None or bool(_limited(demand, left))
