"""One attempt to stream a file from node to node: one child, the sender, behind which the receiver runs."""

from __future__ import annotations

import asyncio

from engine.remote.agent import frames
from engine.remote.agent.bundle import agent_source
from engine.remote.agent_child import agent_command
from engine.remote.child import Child, spawn
from engine.remote.onward import Onward
from engine.remote.stream_end import Line, StreamEnd, receiver_head
from engine.remote.stream_run import StreamRun
from engine.remote.stream_verdict import Way
from engine.remote.types import Endpoint, Progress, RateChanges, SshOptions, StreamJob


class OnwardEnd(StreamEnd):
    """The receiver behind the sender: it speaks through the sender's stdout, and the sender says how it ended."""

    def __init__(self, endpoint: Endpoint, child: Child, run: DirectRun) -> None:
        super().__init__(endpoint, child, "receive", run.receiver_said, heard=(child.stdout,))
        self._code: int | None = None
        self._over = asyncio.Event()

    @property
    def exit_code(self) -> int | None:
        """That of the ssh that the source runs, None while it does or when it was never heard of."""
        return self._code

    def over(self, code: int, words: str) -> None:
        """Hear from the sender how the ssh to this end ended, and what it complained of."""
        self._code = code
        self.noise += words.encode("utf-8")
        self._over.set()

    async def ended(self) -> None:
        """Return when the sender told the end, or itself is gone."""
        over = asyncio.create_task(self._over.wait())
        gone = asyncio.create_task(super().ended())
        try:
            await asyncio.wait((over, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (over, gone):
                task.cancel()
            await asyncio.gather(over, gone, return_exceptions=True)

    async def kill(self) -> None:
        """End the sender, and with it the ssh to this end."""
        ended_by_itself = self._code is not None
        await super().kill()
        self.killed = self.killed and not ended_by_itself


class DirectRun(StreamRun):
    """Like ``StreamRun``, with the source's agent between us and the target; raises the same."""

    def __init__(
        self,
        source: Way,
        target: Way,
        onward: Onward,
        job: StreamJob,
        options: SshOptions,
        progress: Progress,
        rate_changes: RateChanges | None = None,
    ) -> None:
        super().__init__(source, target, job, options, progress, rate_changes)
        self._onward = onward

    async def _start(self) -> bool:
        job, way, mode = self._job_frame(), self._source, agent_source("pushing")
        child = await spawn(agent_command(way.endpoint, way.address, self._options, mode, way.slot, forward_agent=True))
        receiver = OnwardEnd(self._target.endpoint, child, self)
        self._receiver = receiver
        self._sender = StreamEnd(way.endpoint, child, "push", self._pusher_said, heard=(child.stderr,))
        order = self._onward.order(self._options, receiver_head(job, text=False))
        self._sender.send(mode + frames.encode({**job, "onward": order}))
        return True

    def receiver_said(self, line: Line) -> None:
        """Take a line of the receiver's."""
        self._receiver_said(line)

    def _pusher_said(self, line: Line) -> None:
        if "onward" in line and isinstance(self._receiver, OnwardEnd):
            self._receiver.over(line["onward"]["code"], line["onward"]["words"])
        self._sender_said(line)
