"""A session with one node's agent: requests side by side over one pair of pipes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from engine.errors import NodeUnreachable, SyncdeckError
from engine.model import FileKind, FileStat
from engine.remote import wire
from engine.remote.agent import frames
from engine.remote.agent_child import read_frame
from engine.remote.child import Child, StderrTail
from engine.remote.diagnose import diagnose, unreachable
from engine.remote.dialogue import Dialogue
from engine.remote.game_counts import GameCounts
from engine.remote.session_archive import ArchiveCalls
from engine.remote.types import (
    AgentInfo,
    CheckResult,
    ChunkHashes,
    ContentInfo,
    Endpoint,
    PagesRequest,
    ProbeResult,
    PublishRequest,
    PublishResult,
    RootStatus,
    ScanBatch,
    ScanRoot,
    SnapshotInfo,
)
from engine.turns import InSingleFile

CLOSE_SECONDS = 5.0
MANY_AT_ONCE = 200
"""Files per request: encoding or decoding more would hold the event loop for milliseconds."""
LOOK_PATIENCE_SECONDS = 1.0
"""Looking at some thousand files takes a tenth of it, unless a drive does not answer."""
REQUESTS_AHEAD = 2
"""Of many files' requests so many wait at the node while one is worked on: it never waits for us in between."""

T = TypeVar("T")


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + MANY_AT_ONCE] for start in range(0, len(items), MANY_AT_ONCE))


class AgentSession(ArchiveCalls):
    """Implements ``NodeAgent``. Made by ``engine.remote.connect.open_session``; of no use once it is lost."""

    def __init__(
        self,
        endpoint: Endpoint,
        child: Child,
        info: AgentInfo,
        stderr: StderrTail,
        release: Callable[[], object] = lambda: None,
    ) -> None:
        self.endpoint = endpoint
        self._child = child
        self._info = info
        self._stderr = stderr
        self._release = release
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Queue[dict[str, Any]]] = {}
        self._lost: NodeUnreachable | None = None
        self._closing = False
        self._looks = InSingleFile(LOOK_PATIENCE_SECONDS)
        self._reader = asyncio.create_task(self._read(), name=f"agent {endpoint.node_id}")

    @property
    def info(self) -> AgentInfo:
        """What the node said of itself when the session began."""
        return self._info

    @property
    def alive(self) -> bool:
        """Whether requests can still be made."""
        return self._lost is None and not self._closing

    async def scan(self, roots: Sequence[ScanRoot]) -> AsyncGenerator[ScanBatch, None]:
        """Yield batches of files; each root's status comes after all its files, the look's number last."""
        async with contextlib.aclosing(self._look("scan", roots, {})) as batches:
            async for batch in batches:
                yield batch

    async def changes(self, roots: Sequence[ScanRoot], taken: int) -> AsyncGenerator[ScanBatch, None]:
        """Yield like ``scan``, but of the files only those that may have changed since the look number ``taken``."""
        async with contextlib.aclosing(self._look("changes", roots, {"taken": taken})) as batches:
            async for batch in batches:
                yield batch

    async def _look(
        self, operation: str, roots: Sequence[ScanRoot], more: dict[str, Any]
    ) -> AsyncGenerator[ScanBatch, None]:
        asked = {"roots": [wire.root_to(root) for root in roots], "patterns": wire.DATA_PATTERNS, **more}
        async with contextlib.aclosing(self._stream(operation, asked)) as answers:
            async for answer in answers:
                yield wire.batch_from(answer["item"]) if "item" in answer else ScanBatch(look=answer["result"])

    async def usage(self, roots: Sequence[ScanRoot]) -> list[RootStatus]:
        """Return each root's state and disk usage without walking it."""
        answer = await self._call("usage", {"roots": [wire.root_to(root) for root in roots]})
        return [wire.status_from(status) for status in answer]

    async def stat(self, path: str) -> FileStat | None:
        """Return a file's stat (with its -wal), or None when it is not there."""
        return wire.stat_or_none(await self._call("stat", {"path": path}))

    async def hash(self, path: str, kind: FileKind, background: bool = False) -> ContentInfo:
        """Hash a file that nobody writes; raises SyncdeckError source-changed when somebody did."""
        return wire.content_from(await self._call("hash", {"path": path, "kind": kind.value, "background": background}))

    async def follow(self, temp_path: str, size_bytes: int, root: str) -> ContentInfo:
        """Hash a temporary file while another program writes it in order; ends when all of it is there."""
        arguments = {"path": temp_path, "size": size_bytes, "root": root}
        return wire.content_from(await self._call("follow", arguments))

    async def manifest(self, path: str, chunk_bytes: int) -> ChunkHashes:
        """Hash every chunk of a file that nobody writes; raises SyncdeckError source-changed when somebody did."""
        hashes: list[str] = []
        arguments = {"path": path, "chunk_bytes": chunk_bytes}
        whole: dict[str, Any] = {}
        async with contextlib.aclosing(self._stream("manifest", arguments)) as answers:
            async for answer in answers:
                if "item" in answer:
                    hashes += wire.hashes_from(answer["item"])
                else:
                    whole = answer["result"]
        return wire.chunk_hashes_from(whole, chunk_bytes, hashes)

    async def probe_http(self, host: str, port: int, target: str, seconds: float) -> ProbeResult:
        """Say what a GET from this node is answered with."""
        arguments = {"host": host, "port": port, "target": target, "seconds": seconds}
        answer = await self._call("probe_http", arguments)
        return ProbeResult(answer["status"], answer["reason"])

    @contextlib.asynccontextmanager
    async def pages(self, request: PagesRequest) -> AsyncIterator[Dialogue]:
        """Compare a database's pages with another version's; the request ends with the context, and is waited for."""
        number, dialogue = self._begin("pages", wire.pages_to(request), request.patience_seconds)
        try:
            yield dialogue
        finally:
            try:
                await asyncio.shield(asyncio.ensure_future(dialogue.stop()))
            finally:
                self._forget(number, finished=True)

    async def snapshot(self, path: str, snapshot_path: str) -> SnapshotInfo:
        """Make a consistent rollback-mode copy of a live database on its node."""
        return wire.snapshot_from(await self._call("snapshot", {"path": path, "target": snapshot_path, "root": ""}))

    async def ensure_stored(self, snapshot_path: str) -> None:
        """Raise SyncdeckError where the node failed to store a snapshot."""
        await self._call("ensure_stored", {"path": snapshot_path})

    async def game_ids(self, path: str, take: Callable[[bytes], Awaitable[None]], ids_per_second: float) -> GameCounts:
        """Hand the hashes of a database's complete games to ``take``; ended on the node when this is cancelled."""
        whole: dict[str, Any] = {}
        arguments = {"path": path, "ids_per_second": ids_per_second}
        async with contextlib.aclosing(self._stream("game_ids", arguments)) as answers:
            async for answer in answers:
                if "item" in answer:
                    await take(wire.game_ids_from(answer["item"]))
                else:
                    whole = answer["result"]
        return wire.game_counts_from(whole)

    async def check(self, path: str, kind: FileKind) -> CheckResult:
        """Check a quiet file for its kind."""
        problem = await self._call("check", {"path": path, "kind": kind.value})
        return CheckResult(problem is None, problem or "")

    async def publish(self, request: PublishRequest) -> PublishResult:
        """Rename a verified temporary file into place, durably."""
        return wire.publish_from(await self._call("publish", wire.publish_to(request)))

    async def publish_many(self, requests: Sequence[PublishRequest]) -> list[PublishResult | SyncdeckError]:
        """Publish many files, each with all its checks; return what each came to, in order."""
        parts = ({"requests": [wire.publish_to(request) for request in part]} for part in _parts(requests))
        answers = self._many("publish_many", parts)
        return [self._each(answer, "publish", wire.publish_from) async for answer in answers]

    async def hash_many(self, files: Sequence[tuple[str, FileKind]]) -> list[ContentInfo | SyncdeckError]:
        """Hash many files that nobody writes; return what each came to, in order."""
        parts = ({"files": [[path, kind.value] for path, kind in part]} for part in _parts(files))
        return [self._each(answer, "hash", wire.content_from) async for answer in self._many("hash_many", parts)]

    async def stat_many(self, paths: Sequence[str]) -> list[FileStat | None]:
        """Return the stat of each path, None for what is not there.

        Looks go in single file: side by side they hand the agent's interpreter on at every file, for twice the time.
        """
        parts = ({"paths": list(part)} for part in _parts(paths))
        async with self._looks.turn():
            return [wire.stat_or_none(found) async for found in self._many("stat_many", parts)]

    def _each(self, answer: dict[str, Any], operation: str, read: Callable[[dict[str, Any]], T]) -> T | SyncdeckError:
        if "error" in answer:
            return wire.error_from(answer["error"], operation, self.endpoint.node_id)
        return read(answer)

    async def prepare(self, temp_path: str, root: str) -> None:
        """Make the folders above a temporary file that another program writes; refuse one that leaves ``root``."""
        await self._call("prepare", {"path": temp_path, "root": root})

    async def discard(self, paths: Sequence[str]) -> int:
        """Remove temporary files of ours; return how many were there."""
        return int(await self._call("discard", {"paths": list(paths)}))

    async def discard_old(self, paths: Sequence[str], seconds: float) -> list[str]:
        """Remove temporary files of any engine that were not touched for so long and that no process uses.

        Returns for each why it stays, "" where it was removed; raises SyncdeckError for less than a day.
        """
        return [str(why) for why in await self._call("discard_old", {"paths": list(paths), "seconds": seconds})]

    async def quarantine(self, path: str, quarantine_path: str) -> None:
        """Move a bad file aside on its own file system, never overwriting."""
        await self._call("quarantine", {"path": path, "target": quarantine_path, "root": ""})

    async def processes(self, names: Sequence[str]) -> list[tuple[int, str]]:
        """Return (pid, command) of running processes whose command line names one of ``names``."""
        return [(pid, line) for pid, line in await self._call("processes", {"names": list(names)})]

    async def close(self) -> None:
        """End the session; running calls fail."""
        self._closing = True
        if self._child.stdin is not None:
            self._child.stdin.close()
        await asyncio.shield(self._reader)

    async def _call(self, operation: str, arguments: dict[str, Any]) -> Any:
        number, answers = self._send(operation, arguments)
        finished = False
        try:
            answer = await answers.get()
            finished = True
            return self._result(answer, operation)
        finally:
            self._forget(number, finished)

    async def _many(self, operation: str, parts: Iterable[dict[str, Any]]) -> AsyncGenerator[Any, None]:
        """Yield every answer to requests of which each is answered with a list; raises SyncdeckError."""
        sent: deque[tuple[int, asyncio.Queue[dict[str, Any]]]] = deque()
        left = iter(parts)
        try:
            while True:
                while len(sent) <= REQUESTS_AHEAD and (arguments := next(left, None)) is not None:
                    sent.append(self._send(operation, arguments))
                    await asyncio.sleep(0)  # Each takes a millisecond or two to encode.
                if not sent:
                    return
                result = self._result(await sent[0][1].get(), operation)
                self._forget(sent.popleft()[0], finished=True)
                for answer in result:
                    yield answer
        finally:
            for number, _ in sent:
                self._forget(number, finished=False)

    async def _stream(self, operation: str, arguments: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Yield answers that hold an item each, the last one the result; raises SyncdeckError."""
        number, answers = self._send(operation, arguments)
        finished = False
        try:
            while not finished:
                answer = await answers.get()
                finished = "item" not in answer
                if finished:
                    self._result(answer, operation)
                else:
                    self._write({"id": number, "more": 1})
                yield answer
        finally:
            self._forget(number, finished)

    def _send(self, operation: str, arguments: dict[str, Any]) -> tuple[int, asyncio.Queue[dict[str, Any]]]:
        if self._lost is not None:
            raise self._lost
        number = next(self._numbers)
        # The agent keeps to its credit, so a queue never holds more than a few batches.
        answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._waiting[number] = answers
        self._write({"id": number, "op": operation, "args": arguments})
        return number, answers

    def _begin(self, operation: str, arguments: dict[str, Any], patience_seconds: float) -> tuple[int, Dialogue]:
        number, answers = self._send(operation, arguments)
        dialogue = Dialogue(
            answers,
            lambda value: self._write({"id": number, **value}),
            lambda answer: self._result(answer, operation),
            self.endpoint.node_id,
            patience_seconds,
        )
        return number, dialogue

    def _forget(self, number: int, finished: bool) -> None:
        """Drop a request; one that nobody waits for any more is stopped on the node."""
        self._waiting.pop(number, None)
        if not finished and self._lost is None:
            self._write({"id": number, "cancel": 1})

    def _write(self, value: dict[str, Any]) -> None:
        assert self._child.stdin is not None
        if not self._child.stdin.is_closing():
            self._child.stdin.write(frames.encode(value))

    def _result(self, answer: dict[str, Any], operation: str) -> Any:
        if "lost" in answer:
            raise answer["lost"]
        if "error" in answer:
            raise wire.error_from(answer["error"], operation, self.endpoint.node_id)
        return answer["result"]

    async def _end(self) -> int:
        """Return the child's exit code; one that stays after its agent ended is killed."""
        if self._child.stdin is not None:
            self._child.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._child.drained(self._stderr.task), CLOSE_SECONDS)
        await self._child.kill()
        return await self._child.exited()

    async def _read(self) -> None:
        """Hand answers to their requests until the agent ends; then every request learns why."""
        assert self._child.stdout is not None
        while True:
            value = await read_frame(self._child.stdout)
            if value is None:
                break
            waiting = self._waiting.get(value["id"])
            if waiting is not None:
                waiting.put_nowait(value)
        code = await self._end()
        self._release()
        node_id = self.endpoint.node_id
        self._lost = unreachable("talk to", node_id, diagnose(node_id, code or None, self._stderr.text()))
        for waiting in self._waiting.values():
            waiting.put_nowait({"lost": self._lost})
