"""Bandwidth as clients set and see it. Plain values, as in ``views``; rates are bytes per second."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BandwidthChange:
    """An operator's limit for one node, or for the fleet (``node`` None).

    ``clear`` takes the operator's word back, so that the file's counts again. Else ``limit_bytes_per_second`` None
    means: no limit, whatever the file says. ``seconds`` None: until it is taken back.
    """

    node: str | None = None
    limit_bytes_per_second: int | None = None
    clear: bool = False
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class LimitView:
    """One limit: of a node, or of the fleet (``node`` None). ``limit_bytes_per_second`` None: there is none.

    ``because`` says who set it, ``line`` where in the file, ``until`` (epoch seconds) how long it holds.
    """

    node: str | None
    limit_bytes_per_second: int | None
    because: str
    line: int | None
    until: float | None
    used_bytes_per_second: float
    transfers: int
    set_now: bool = False
    """Whether an operator set it while the engine runs, rather than the file."""


@dataclass(frozen=True, slots=True)
class FlowView:
    """One running transfer as bandwidth is shared out: its cap (None: none), and what it moves now."""

    transfer: int
    source: str
    target: str
    cap_bytes_per_second: int | None
    used_bytes_per_second: float
    weight: float
    urgent: bool
    because: str


@dataclass(frozen=True, slots=True)
class BandwidthView:
    """The limits in force at ``at``: the fleet's first, then each node that has one or moves something."""

    at: float
    limits: tuple[LimitView, ...]
    flows: tuple[FlowView, ...]
