"""Every breaker of the fleet: which end of a failed link is to blame, and which nodes have no way left."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from engine.clock import Clock
from engine.errors import NodeUnreachable, SyncdeckError
from engine.model import NodeState, Transport
from engine.transport.breakers import CLOSED, COUNTED, LONGEST_WHY, UNREACHED, Breaker, BreakerState, BreakerStatus
from engine.transport.errors import retry_after_seconds


@dataclass
class Permit:
    """One use of a transport between two nodes. Exactly one of its methods ends it; ``release`` may follow."""

    board: Breakers
    transport: Transport
    source: str
    target: str
    _ended: bool = False

    def succeeded(self) -> None:
        """It delivered."""
        if not self._ended:
            self._ended = True
            self.board.note_success(self.transport, self.source, self.target)

    def failed(self, error: SyncdeckError) -> None:
        """It ended in an error; only failures of the network count."""
        if not self._ended:
            self._ended = True
            self.board.note_failure(self.transport, self.source, self.target, error)

    def release(self) -> None:
        """It ended without a word on the way: cancelled, or never begun."""
        if not self._ended:
            self._ended = True
            self.board.let_go(self.transport, self.source, self.target)


class Breakers:
    """Owned by the event loop. Kept are only breakers that heard of something."""

    def __init__(
        self,
        transports: Collection[Transport],
        clock: Clock,
        chance: random.Random | None = None,
        own_node: str = "",
    ) -> None:
        """``transports`` are all that are built; ``own_node`` is the engine's."""
        self.transports = tuple(transports)
        self._clock = clock
        self._chance = chance if chance is not None else random.Random()
        self._own_node = own_node
        self._breakers: dict[tuple[str, Transport], Breaker] = {}
        self._refusals: dict[tuple[str, Transport], str] = {}

    # --- asking -------------------------------------------------------------------------------------------

    def permit(self, transport: Transport, source: str, target: str, size_bytes: int) -> Permit | str:
        """Return leave to use a transport, to be ended by the caller, or why it is left alone now."""
        now = self._clock.monotonic()
        ends = self._ends(transport, source, target)
        refusals = [self._words(node, transport) for node, one in ends if not one.admits(now, size_bytes)]
        if refusals:
            return "; ".join(refusals)
        for _, breaker in ends:
            breaker.probe()
        return Permit(self, transport, source, target)

    def status(self, node: str, transport: Transport) -> BreakerStatus:
        """Return a breaker as it stands."""
        breaker = self._breakers.get((node, transport))
        return breaker.status(self._clock.monotonic()) if breaker is not None else CLOSED

    def refusal(self, node: str, transport: Transport) -> str | None:
        """Return why a transport could not serve this node when it was last to, None where it could."""
        return self._refusals.get((node, transport))

    def tripped(self) -> Iterator[tuple[str, Transport, BreakerStatus]]:
        """Yield every breaker that is not closed."""
        for node, transport in sorted(self._breakers):
            status = self.status(node, transport)
            if status.state is not BreakerState.CLOSED:
                yield node, transport, status

    def wall_time(self, until: float | None) -> float | None:
        """Return a moment of the monotonic clock as seconds since the epoch."""
        return None if until is None else self._clock.now() + until - self._clock.monotonic()

    def reopens_at(self, source: str, target: str, transports: Collection[Transport]) -> float | None:
        """Return when the first of these transports may be probed, in monotonic seconds; None: one is closed."""
        moments: list[float] = []
        for transport in transports:
            ends = [self.status(node, transport).until for node in (source, target)]
            latest = max((moment for moment in ends if moment is not None), default=None)
            if latest is None:
                return None
            moments.append(latest)
        return min(moments, default=None)

    def closed_nodes(self) -> Mapping[str, BreakerStatus]:
        """Return the nodes that no transport may be used with now, with what reopens first."""
        closed: dict[str, BreakerStatus] = {}
        for node in {name for name, _ in self._breakers}:
            usable = [t for t in self.transports if self.refusal(node, t) is None]
            statuses = [self.status(node, transport) for transport in usable]
            if statuses and all(status.state is BreakerState.OPEN for status in statuses):
                closed[node] = min(statuses, key=lambda status: status.until or 0.0)
        return closed

    def probing_nodes(self) -> frozenset[str]:
        """Return the nodes that only a probe may go to: no transport is closed, one is half-open."""
        found: set[str] = set()
        for node in {name for name, _ in self._breakers}:
            usable = [t for t in self.transports if self.refusal(node, t) is None]
            states = {self.status(node, transport).state for transport in usable}
            if BreakerState.HALF_OPEN in states and BreakerState.CLOSED not in states:
                found.add(node)
        return frozenset(found)

    # --- hearing ------------------------------------------------------------------------------------------

    def note_refusal(self, transport: Transport, source: str, target: str, why: str | None) -> None:
        """Remember why a transport cannot serve these nodes at all, None where it can; what cannot keeps no node
        open."""
        for node in (source, target):
            self._refusals.pop((node, transport), None)
            if why is not None:
                self._refusals[(node, transport)] = why

    def note_success(self, transport: Transport, source: str, target: str) -> None:
        """Close both ends' breakers, and those that were open only because the node did not answer."""
        now = self._clock.monotonic()
        for node, peer in ((source, target), (target, source)):
            self._breaker(node, transport).succeeded(now, peer)
            for name in self.transports:
                other = self._breakers.get((node, name))
                if other is not None and other.unreached:
                    other.close()

    def note_failure(self, transport: Transport, source: str, target: str, error: SyncdeckError) -> None:
        """Count a failure against the end that it speaks against."""
        if error.error_class not in COUNTED:
            self.let_go(transport, source, target)
            return
        if unreachable_node(error) in (source, target):
            self.note_unreachable(error, transport)
            self.let_go(transport, source, target)
            return
        now = self._clock.monotonic()
        peer_of = {source: target, target: source}
        named = isinstance(error, NodeUnreachable) and error.subject in peer_of
        for node in [error.subject] if named else self._blamed(transport, source, target):
            why, wait = short_cause(error), retry_after_seconds(error)
            self._breaker(node, transport).failed(now, peer_of[node], why, wait)
        self.let_go(transport, source, target)

    def note_unreachable(self, error: SyncdeckError, transport: Transport | None = None) -> None:
        """Count against every transport of a node that did not answer: all of them begin over SSH."""
        node = unreachable_node(error)
        if node is None or error.error_class not in COUNTED:
            return
        now = self._clock.monotonic()
        breakers = [self._breaker(node, name) for name in self.transports]
        for breaker in breakers:
            breaker.failed(now, UNREACHED, short_cause(error))
        tripped = [breaker for breaker in breakers if breaker.until is not None]
        for breaker in tripped if len(tripped) == len(breakers) else ():
            # One probe for the node, not one after another for each transport.
            breaker.follow(max(tripped, key=lambda one: one.until or 0.0))

    def let_go(self, transport: Transport, source: str, target: str) -> None:
        """End a probe that told nothing."""
        for node in (source, target):
            if (breaker := self._breakers.get((node, transport))) is not None:
                breaker.released()

    def node_answers(self, node: str) -> None:
        """Probe a node at once that was seen to answer."""
        for (name, _), breaker in self._breakers.items():
            if name == node:
                breaker.retry_now(self._clock.monotonic())

    def reset(self, node: str) -> int:
        """Close a node's breakers at the operator's word; return how many were not closed."""
        tripped = [t for t in self.transports if self.status(node, t).state is not BreakerState.CLOSED]
        for transport in self.transports:
            self._breakers.pop((node, transport), None)
        return len(tripped)

    def forget_others(self, nodes: Collection[str]) -> None:
        """Drop what is known of nodes that left the configuration."""
        self._breakers = {key: breaker for key, breaker in self._breakers.items() if key[0] in nodes}
        self._refusals = {key: why for key, why in self._refusals.items() if key[0] in nodes}

    # --- inside -------------------------------------------------------------------------------------------

    def _breaker(self, node: str, transport: Transport) -> Breaker:
        return self._breakers.setdefault((node, transport), Breaker(self._chance))

    def _ends(self, transport: Transport, source: str, target: str) -> list[tuple[str, Breaker]]:
        found = ((node, self._breakers.get((node, transport))) for node in dict.fromkeys((source, target)))
        return [(node, breaker) for node, breaker in found if breaker is not None]

    def _blamed(self, transport: Transport, source: str, target: str) -> list[str]:
        """Return the ends that a failure counts against.

        An end whose breaker is not closed explains a failure by itself. An end that works with others is innocent;
        where both do, the less proven one is taken, and of two unknown ones both: their probes will tell. The engine's
        own node, an end of most transfers, is suspected only when it fails with a second node as well.
        """
        now = self._clock.monotonic()
        tripped = [n for n in (source, target) if self.status(n, transport).state is not BreakerState.CLOSED]
        if tripped:
            return tripped
        now = self._clock.monotonic()
        proofs = {
            source: self._breaker(source, transport).proven(now, target),
            target: self._breaker(target, transport).proven(now, source),
        }
        suspects = [node for node, proven in proofs.items() if not proven]
        if not suspects:
            return [min((target, source), key=lambda node: proofs[node])]
        if self._own_node in suspects and len(suspects) > 1 and not self._fails_elsewhere(transport, source, target):
            suspects.remove(self._own_node)
        return suspects

    def _fails_elsewhere(self, transport: Transport, source: str, target: str) -> bool:
        """Return whether the engine's own node failed with yet another node of late."""
        now = self._clock.monotonic()
        return any(
            name is transport and node not in (source, target) and breaker.failed_with(self._own_node, now)
            for (node, name), breaker in self._breakers.items()
        )

    def _words(self, node: str, transport: Transport) -> str:
        status = self.status(node, transport)
        left = 0.0 if status.until is None else max(0.0, status.until - self._clock.monotonic())
        when = f"open for {left:.0f} s" if left >= 1 else "being probed"
        return f"{transport.value} to {node}: breaker {when} after {status.why}"


def unreachable_node(error: SyncdeckError) -> str | None:
    """Return the node that could not be reached at all; None for a connection that broke after it stood."""
    reached = not isinstance(error, NodeUnreachable) or error.state == NodeState.LOST.value
    return None if reached else error.subject


def short_cause(error: SyncdeckError) -> str:
    """Return the first line of a cause, short enough to stand in a reason."""
    line = (error.cause.strip().splitlines() or [error.operation])[0]
    return line if len(line) <= LONGEST_WHY else line[: LONGEST_WHY - 1].rstrip() + "\u2026"
