"""What holds an event loop up, told by name: each turn of the loop by the processor time of its own thread.

Processor time, not time passed: on a busy machine the second is also what other processes took. A turn is what the loop
does between two looks at its sockets and timers, so many short callbacks that are ready together count as one hold-up.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

LIMIT_SECONDS = 0.005
"""Nothing of ours may hold the loop up for longer."""
SAMPLE_SECONDS = 0.002
STEPS_MS = (1, 2, 5, 7, 10, 15, 20, 30)
STACK_FRAMES = 8
TOLD = 12
STEPS_TOLD = 4


class HoldUps:
    """Counts the turns of the running loop; of the long ones it keeps what they did and where they were."""

    def __init__(self) -> None:
        self.forget()
        self._began = 0.0
        self._steps: list[tuple[str, float]] = []

    def forget(self) -> None:
        """Start anew."""
        self.turns: Counter[str] = Counter()
        self.worst_ms = 0.0
        self.long: list[tuple[float, list[tuple[str, float]]]] = []
        self.stacks: Counter[str] = Counter()

    @contextmanager
    def watching(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        """Count while this is open: from within a callback of the loop, its own next turn is the first."""
        turn, step = loop._run_once, asyncio.Handle._run  # type: ignore[attr-defined]

        def run_turn() -> None:
            self._steps, self._began = [], time.thread_time()
            turn()
            self._turned(time.thread_time() - self._began)

        def run_step(handle: asyncio.Handle) -> None:
            began, name = time.thread_time(), _name(handle)
            step(handle)
            self._steps.append((name, time.thread_time() - began))

        loop._run_once = run_turn  # type: ignore[attr-defined]
        asyncio.Handle._run = run_step  # type: ignore[method-assign, assignment]
        earlier = signal.signal(signal.SIGALRM, self._sample)
        signal.setitimer(signal.ITIMER_REAL, SAMPLE_SECONDS, SAMPLE_SECONDS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, earlier)
            loop._run_once, asyncio.Handle._run = turn, step  # type: ignore[attr-defined,method-assign]

    def told(self) -> dict[str, Any]:
        """Return the turns by length, the longest ones with the steps they were made of, and where they were met."""
        longest = sorted(self.long, key=lambda one: -one[0])[:TOLD]
        return {
            "turns": dict(sorted(self.turns.items())),
            "over": len(self.long),
            "worst_ms": round(self.worst_ms, 2),
            "longest": [[round(1000 * seconds, 1), _summed(steps)] for seconds, steps in longest],
            "stacks": self.stacks.most_common(TOLD),
        }

    def _turned(self, seconds: float) -> None:
        milliseconds = 1000 * seconds
        below = next((step for step in STEPS_MS if milliseconds < step), None)
        self.turns[f"under {below:2} ms" if below else f"over {STEPS_MS[-1]} ms"] += 1
        self.worst_ms = max(self.worst_ms, milliseconds)
        if seconds > LIMIT_SECONDS:
            self.long.append((seconds, self._steps))

    def _sample(self, _number: int, frame: FrameType | None) -> None:
        if time.thread_time() - self._began < LIMIT_SECONDS / 2:
            return
        names: list[str] = []
        while frame is not None and len(names) < STACK_FRAMES:
            code = frame.f_code
            names.append(f"{'/'.join(code.co_filename.split('/')[-2:])}:{frame.f_lineno} {code.co_name}")
            frame = frame.f_back
        self.stacks[" < ".join(names)] += 1


def _name(handle: asyncio.Handle) -> str:
    callback: Any = handle._callback  # type: ignore[attr-defined]
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        return f"task {owner.get_name()} {getattr(owner.get_coro(), '__qualname__', '')}"
    return str(getattr(callback, "__qualname__", repr(callback)))


def _summed(steps: list[tuple[str, float]]) -> list[tuple[str, int, float]]:
    """Return (name, how often, milliseconds) of the steps that took most of a turn."""
    spent: dict[str, list[float]] = defaultdict(list)
    for name, seconds in steps:
        spent["".join(letter for letter in name if not letter.isdigit())].append(1000 * seconds)
    most = sorted(spent.items(), key=lambda one: -sum(one[1]))[:STEPS_TOLD]
    return [(name, len(times), round(sum(times), 1)) for name, times in most]
