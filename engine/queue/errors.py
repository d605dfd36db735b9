"""What can go wrong with the queue: an edge that must not be, a transfer that is not there, a lease that was lost."""

from __future__ import annotations

from engine.errors import SyncdeckError


class QueueError(SyncdeckError):
    """The queue refused something."""


class IllegalEdge(QueueError):
    """A transfer cannot go from its state to that one."""


class UnknownTransfer(QueueError):
    """There is no transfer of that id (any more)."""


class LeaseLost(QueueError):
    """Another run of the engine owns the transfer now."""
