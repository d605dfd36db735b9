"""The chunks of a fetch that are in memory: being filled, or begun and left by a connection that broke."""

from __future__ import annotations

from typing import Dict, List

from engine.remote.agent.fetching_plan import Plan, Run
from engine.remote.agent.fetching_pull import Piece
from engine.remote.agent.fetching_spans import holds


class Pieces:
    """Pieces by the run that fills them. ``connections`` bounds how many are kept that nobody fills: a process that
    is killed loses no more. Its caller holds the lock."""

    def __init__(self, plan: Plan, size: int, connections: int, hashed: bool) -> None:
        self._plan = plan
        self._largest = min(plan.chunk_bytes, size)
        self._connections = connections
        self._hashed = hashed
        self._filling: Dict[Run, Piece] = {}
        self._parked: Dict[int, Piece] = {}
        self._spare: List[memoryview] = []

    def begin(self, run: Run) -> Piece:
        """Return the chunk at which a run is, begun before or new."""
        self.park(run)
        number = run.at
        self._plan.parked.discard(number)
        piece = self._parked.pop(number, None) or self._new(number)
        run.filled = piece.filled
        self._filling[run] = piece
        return piece

    def take(self, run: Run) -> None:
        """Say that a run's chunk is whole, and its caller's."""
        self._filling.pop(run, None)

    def give_back(self, piece: Piece) -> None:
        """Have a piece's memory serve another: fresh memory costs as much as the copying into it."""
        self._spare.append(piece.memory)

    def park(self, run: Run) -> None:
        """Keep what a run began, unless somebody else finished it or as much is kept as there are connections."""
        piece = self._filling.pop(run, None)
        if piece is None or piece.whole or not piece.filled or holds(self._plan.done, piece.number):
            return
        kept = self._parked.get(piece.number)
        begun = len(self._filling) + len(self._parked)
        if kept.filled < piece.filled if kept is not None else begun < self._connections:
            self._parked[piece.number] = piece
            self._plan.parked.add(piece.number)

    def forget_finished(self) -> None:
        """Let go of kept pieces that somebody else finished."""
        for number in [number for number in self._parked if holds(self._plan.done, number)]:
            del self._parked[number]
            self._plan.parked.discard(number)

    def in_flight(self) -> int:
        """Return how many bytes of chunks that are not whole yet arrived, each chunk once."""
        best: Dict[int, int] = {}
        for piece in [*self._filling.values(), *self._parked.values()]:
            best[piece.number] = max(best.get(piece.number, 0), piece.filled)
        return sum(best.values())

    def _new(self, number: int) -> Piece:
        memory = self._spare.pop() if self._spare else memoryview(bytearray(self._largest))
        return Piece(number, self._plan.length(number), self._hashed, memory)
