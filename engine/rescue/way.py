"""Which running transfers make way for an emergency when it finds no free slot. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from engine.locations import node_of
from engine.model import SyncPriority, Transfer, TransferState

Group = tuple[Transfer, ...]


def making_way(urgent: Sequence[Transfer], busy: Sequence[Group], most: int, node_limit: int) -> list[Group]:
    """Return the running groups to hold back so that the first of ``urgent`` can run.

    ``busy`` are the groups that run, one slot each; at most ``most`` run, at most ``node_limit`` at one node. What is
    least urgent and began last goes first; what is urgent itself, or about to publish, never does.
    """
    load = Counter(node for group in busy for node in nodes_of(group))
    free = most - len(busy)
    left = sorted((group for group in busy if _may_wait(group)), key=_rank)
    held: list[Group] = []
    for transfer in urgent[:most]:
        nodes = nodes_of((transfer,))
        while free <= 0 or any(load[node] >= node_limit for node in nodes):
            full = {node for node in nodes if load[node] >= node_limit}
            victim = next((group for group in left if not full or full & nodes_of(group)), None)
            if victim is None:
                return held
            left.remove(victim)
            held.append(victim)
            load.subtract(nodes_of(victim))
            free += 1
        free -= 1
        load.update(nodes)
    return held


def is_urgent(transfer: Transfer) -> bool:
    """Return whether others make way for a transfer."""
    return transfer.emergency or transfer.priority >= SyncPriority.CRITICAL


def _may_wait(group: Group) -> bool:
    return not any(is_urgent(one) or one.state is TransferState.PUBLISHING for one in group)


def _rank(group: Group) -> tuple[int, float, int]:
    first = group[0]
    return (int(first.priority), -(first.started_at or 0.0), -first.id)


def nodes_of(group: Group) -> set[str]:
    """Return the nodes that take part in a group."""
    return {node_of(group[0].source), node_of(group[0].target)}
