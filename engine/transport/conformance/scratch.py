"""A Place on a real node: one agent of its own, whose folder goes when it ends, however it ends."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from engine.errors import ErrorClass, NodeUnreachable, SyncdeckError
from engine.model import NodeState
from engine.remote import wire
from engine.remote.agent import frames
from engine.remote.agent.bundle import agent_source
from engine.remote.agent.scratch import MARK
from engine.remote.agent_child import agent_command, read_frame
from engine.remote.child import Child, StderrTail, spawn
from engine.remote.connect import addresses_of
from engine.remote.diagnose import Diagnosis, diagnose, most_telling, no_greeting, remedy_for, unreachable
from engine.remote.links import Links
from engine.remote.types import Endpoint, SshOptions
from engine.transport.conformance.place import Seen

OPERATION = "use the scratch folder on"
ANSWER_SECONDS = 120.0
END_SECONDS = 10.0


class ScratchFolder:
    """Implements ``Place``. Made by ``scratch_folder``."""

    def __init__(self, endpoint: Endpoint, child: Child, stderr: StderrTail) -> None:
        self._endpoint = endpoint
        self._child = child
        self._stderr = stderr
        self._turn = asyncio.Lock()
        self._folder = ""
        self._free_bytes = 0

    @property
    def endpoint(self) -> Endpoint:
        """The node."""
        return self._endpoint

    @property
    def folder(self) -> str:
        """The absolute path of the folder on the node."""
        return self._folder

    @property
    def free_bytes(self) -> int:
        """What was free there at the beginning."""
        return self._free_bytes

    async def begin(self, source: bytes, root: str) -> None:
        """Have the folder made below ``root``; raises NodeUnreachable, SyncdeckError."""
        assert self._child.stdin is not None and self._child.stdout is not None
        job = {"root": root, "name": MARK + secrets.token_hex(4)}
        self._child.stdin.write(source + frames.encode(job))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._child.stdout.readuntil(frames.MARKER)
        except asyncio.IncompleteReadError as ended:
            code = await self._ended()
            raise self._unreachable(no_greeting(self._node_id, code, self._stderr.text(), ended.partial)) from None
        except (TimeoutError, asyncio.LimitOverrunError):
            raise await self._silent() from None
        try:
            made = await self._answer()
        except NodeUnreachable:
            raise
        except SyncdeckError as error:
            # A disk that is read-only, a root that is missing: the node's state, whatever class a transfer gives it.
            raise SyncdeckError(
                error.operation, error.subject, error.cause, error.remedy, ErrorClass.UNSUPPORTED
            ) from error
        self._folder, self._free_bytes = made["folder"], made["free"]

    async def end(self) -> None:
        """Have the folder removed and the agent ended; returns when it is gone."""
        if self._child.stdin is not None:
            self._child.stdin.close()
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._child.drained(self._stderr.task)
        except TimeoutError:
            await self._child.kill()  # Its node removes the folder when it learns of it.

    async def write(self, name: str, seed: str, size: int, start: int = 0) -> None:
        """Make a file of the first ``size`` bytes of a seed's content; those before ``start`` stay a hole."""
        await self._call("write", name=name, seed=seed, size=size, start=start)

    async def append(self, name: str, seed: str, size: int) -> None:
        """Add bytes at a file's end."""
        await self._call("append", name=name, seed=seed, size=size)

    async def flip(self, name: str, offset: int) -> None:
        """Invert one byte."""
        await self._call("flip", name=name, offset=offset)

    async def put(self, name: str, data: bytes) -> None:
        """Make a small file of exactly these bytes."""
        await self._call("put", name=name, data=data.hex())

    async def truncate(self, name: str, size: int) -> None:
        """Cut a file."""
        await self._call("truncate", name=name, size=size)

    async def rename(self, name: str, to: str) -> None:
        """Move a file within the folder."""
        await self._call("rename", name=name, to=to)

    async def remove(self, name: str) -> None:
        """Remove a file."""
        await self._call("remove", name=name)

    async def make_folder(self, name: str) -> None:
        """Make a folder."""
        await self._call("folders", name=name)

    async def link(self, name: str, to: str) -> None:
        """Make a symbolic link to another name."""
        await self._call("link", name=name, to=to)

    async def look(self, name: str) -> Seen | None:
        """Return what is there, None for nothing."""
        found = await self._call("look", name=name)
        return None if found is None else Seen(found["size"], found["sha256"], found["mode"], found["held"])

    async def files(self) -> Sequence[str]:
        """Return the names of all files, sorted."""
        return tuple(await self._call("files"))

    async def seal(self, name: str) -> str | None:
        """Make a folder refuse new files; return why that is not possible here."""
        problem: str | None = await self._call("seal", name=name)
        return problem

    async def hide(self, name: str) -> str | None:
        """Make a file unreadable; return why that is not possible here."""
        problem: str | None = await self._call("hide", name=name)
        return problem

    async def holders(self, patience_seconds: float) -> Sequence[int] | None:
        """Return the processes that still have a file of the folder open after so long; None where nobody can tell."""
        found = await self._call("holders", patience=patience_seconds)
        return None if found is None else tuple(found)

    async def clear(self) -> None:
        """Remove all that is in the folder."""
        await self._call("clear")

    async def _call(self, operation: str, **arguments: Any) -> Any:
        # In a task of its own: a caller that is cancelled must not leave an answer behind for the next one.
        return await asyncio.shield(asyncio.create_task(self._exchange(operation, arguments)))

    async def _exchange(self, operation: str, arguments: dict[str, Any]) -> Any:
        assert self._child.stdin is not None
        async with self._turn:
            if self._child.stdin.is_closing():
                raise await self._lost()
            self._child.stdin.write(frames.encode({"op": operation, "args": arguments}))
            return await self._answer()

    async def _answer(self) -> Any:
        assert self._child.stdout is not None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await read_frame(self._child.stdout)
        except TimeoutError:
            raise await self._silent() from None
        if answer is None:
            raise await self._lost()
        if "error" in answer:
            raise wire.error_from(answer["error"], OPERATION, self._endpoint.node_id)
        return answer["result"]

    async def _lost(self) -> NodeUnreachable:
        code = await self._ended()
        return self._unreachable(diagnose(self._node_id, code, self._stderr.text()))

    async def _silent(self) -> NodeUnreachable:
        await self._child.kill()
        cause = f"it said nothing for {ANSWER_SECONDS:.0f} s"
        state = NodeState.TIMED_OUT
        return self._unreachable(
            Diagnosis(state, ErrorClass.TRANSIENT_NETWORK, cause, remedy_for(state, self._node_id))
        )

    async def _ended(self) -> int | None:
        """Return how the agent ended, None where it does not end by itself; it is gone then."""
        code = None
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                code = await self._child.drained(self._stderr.task)
        await self._child.kill()
        return code

    def _unreachable(self, diagnosis: Diagnosis) -> NodeUnreachable:
        return unreachable(OPERATION, self._node_id, diagnosis)

    @property
    def _node_id(self) -> str:
        return self._endpoint.node_id


@asynccontextmanager
async def scratch_folder(
    endpoint: Endpoint, root: str, options: SshOptions, links: Links | None = None
) -> AsyncIterator[ScratchFolder]:
    """Hold a scratch folder directly below ``root`` on a node; it is removed at the end, also when cancelled.

    Raises NodeUnreachable when no address answers, SyncdeckError when the folder cannot be made.
    """
    source = await asyncio.to_thread(agent_source, "scratch")
    links = links or Links()
    with links.slot(endpoint.node_id) as slot:
        place = await _open(endpoint, root, options, links, slot, source)
        try:
            yield place
        finally:
            await asyncio.shield(asyncio.ensure_future(place.end()))


async def _open(
    endpoint: Endpoint, root: str, options: SshOptions, links: Links, slot: int, source: bytes
) -> ScratchFolder:
    failures: list[NodeUnreachable] = []
    for address in addresses_of(endpoint, links):
        child = await spawn(agent_command(endpoint, address, options, source, slot))
        place = ScratchFolder(endpoint, child, StderrTail(child.stderr))
        try:
            await place.begin(source, root)
        except NodeUnreachable as failure:
            failures.append(failure)
            continue
        except BaseException:
            await asyncio.shield(asyncio.ensure_future(place.end()))
            raise
        return place
    raise most_telling(failures)
