"""What fetch tests share: a content, its manifest, and a desk that starts fetches at this machine."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from engine.integrity.temporary import TemporaryNames
from engine.remote.types import Endpoint, Progress, StreamOutcome
from engine.transport.fetch_types import MANIFEST_CHUNK_BYTES, ChunkManifest, FetchJob, FetchSource
from engine.transport.fetching import AgentFetching, RunningFetch
from engine.transport.rates import RateCap
from tests.transport.fetch_servers import Behaviour, served

CHUNK = MANIFEST_CHUNK_BYTES
CONTENT = random.Random(5).randbytes(5 * CHUNK + 123_457)
OTHER = random.Random(6).randbytes(len(CONTENT))
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAMES = TemporaryNames("0123abcd", "00000001")


def manifest_of(content: bytes) -> ChunkManifest:
    sha256s = tuple(hashlib.sha256(content[at : at + CHUNK]).hexdigest() for at in range(0, len(content), CHUNK))
    joined = "\n".join([str(len(content)), *sha256s])
    return ChunkManifest(hashlib.sha256(joined.encode()).hexdigest(), len(content), CHUNK, sha256s)


def quiet(done: int, wire: int) -> None:
    """Progress that nobody looks at."""


@dataclass
class Desk:
    """Starts fetches at this machine, from servers that end with the test."""

    folder: Path
    fetching: AgentFetching
    stack: ExitStack
    started: list[RunningFetch] = field(default_factory=list)

    @property
    def temp_path(self) -> str:
        return NAMES.part(str(self.folder / "model.pth"), 7, SHA256)

    @property
    def failures_so_far(self) -> dict[str, str]:
        return dict(self.started[0].failures) if self.started else {}

    def serve(self, behaviour: Behaviour) -> str:
        return self.stack.enter_context(served(behaviour))

    async def start(
        self,
        sources: Sequence[FetchSource],
        *,
        sha256: str | None = SHA256,
        size_bytes: int = len(CONTENT),
        connections: int = 4,
        rate: RateCap | None = None,
        stall_timeout_seconds: float = 30.0,
        rarest_first: bool = False,
        progress: Progress = quiet,
    ) -> RunningFetch:
        job = FetchJob(
            Endpoint("here", local=True),
            self.temp_path,
            str(self.folder),
            size_bytes,
            sha256,
            tuple(sources),
            connections,
            rate or RateCap(),
            stall_timeout_seconds,
            rarest_first,
        )
        handle = await self.fetching.start(job, progress)
        assert isinstance(handle, RunningFetch)
        return handle

    async def fetch(
        self, *behaviours: Behaviour, manifest: bool | None = True, final: bool = False, **changes: object
    ) -> StreamOutcome:
        """Fetch from these servers, the manifest known from the start unless told otherwise (None: it is said that
        none will come); ``final``: none of them will have other URLs."""
        sources = [FetchSource(f"s{number}", (self.serve(each),)) for number, each in enumerate(behaviours)]
        handle = await self.start(sources, **changes)  # type: ignore[arg-type]
        self.started.append(handle)
        if manifest is not False:
            handle.manifest(manifest_of(CONTENT) if manifest else None)
        if final:
            handle.final()
        return await handle.result()

    def ensure_arrived(self, outcome: StreamOutcome) -> None:
        assert outcome.sha256 == SHA256
        assert Path(self.temp_path).read_bytes() == CONTENT
        assert [path.name for path in self.folder.iterdir()] == [os.path.basename(self.temp_path)]


async def until(condition: Callable[[], bool]) -> None:
    """Return when a state is reached."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - a state of other processes
            await asyncio.sleep(0.01)
