"""The model's agent answers and refuses as the real one does: the same requests to both, step by step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.clock import ManualClock
from engine.errors import SyncdeckError
from engine.integrity.temporary import TemporaryNames
from engine.model import FileKind, FileStat
from engine.remote.archive_types import ArchiveJob, Deletion, Keeping, RestoreJob
from engine.remote.pool import SessionPool
from engine.remote.types import Endpoint, NodeAgent, PublishRequest, ScanRoot, SshOptions
from tests.model.agent import ModelAgent
from tests.model.disk import ModelFleet, ModelNode, damaged, digest

OLD, NEW = b"old content\n" * 40, b"new content\n" * 60
NAMES = TemporaryNames("0123abcd", "00000001")


@dataclass
class Ground:
    """An agent, and its disk as seen past it."""

    agent: NodeAgent
    root: str
    write: Callable[[str, bytes], object]
    read: Callable[[str], bytes | None]

    def path(self, name: str) -> str:
        return f"{self.root}/data/games/{name}"

    def part(self, name: str, number: int) -> str:
        return NAMES.part(self.path(name), number, digest(NEW))


async def outcome(asking: Awaitable[Any]) -> Any:
    try:
        return await asking
    except SyncdeckError as error:
        return error.error_class


async def stat_of(ground: Ground, path: str) -> FileStat:
    found = await ground.agent.stat(path)
    assert found is not None
    return found


async def publishing(ground: Ground) -> list[Any]:
    final, told = ground.path("a.db"), []

    async def publish(temp: str, final_path: str, expected: FileStat | None, data: bytes = NEW) -> Any:
        request = PublishRequest(temp, final_path, digest(data), len(data), 5 * 10**9, None, expected, root=ground.root)
        found = await outcome(ground.agent.publish(request))
        return getattr(found, "outcome", found)

    told.append(await publish(ground.part("a.db", 1), final, None))
    ground.write(ground.part("a.db", 1), NEW)
    told.append(await publish(ground.part("a.db", 1), final, None))
    told.append(await publish(ground.part("a.db", 1), final, None))
    ground.write(ground.part("a.db", 2), OLD)
    told.append(await publish(ground.part("a.db", 2), final, None, OLD))
    known = await stat_of(ground, final)
    ground.write(ground.part("a.db", 3), b"not what was verified")
    told.append(await publish(ground.part("a.db", 3), final, known, OLD))
    told.append(await publish(ground.part("a.db", 2), final, known, OLD))
    told.append((await stat_of(ground, final)).mtime_ns)
    told.append(await publish(ground.part("b.db", 2), "/elsewhere/b.db", None))
    told.append(await publish(ground.path("b.db"), final, None))
    return [*told, ground.read(final)]


async def removing(ground: Ground) -> list[Any]:
    kept, other, part = ground.path("kept.db"), ground.path("other.db"), ground.part("c.db", 4)
    for path in (kept, other, part):
        ground.write(path, OLD)
    told = [await outcome(ground.agent.discard([kept]))]
    told += [await outcome(ground.agent.discard([part])), await outcome(ground.agent.discard([part]))]
    told.append(await outcome(ground.agent.quarantine(kept, other)))
    told.append(await outcome(ground.agent.quarantine(kept, f"{kept}.failed-1")))
    return [*told, ground.read(kept), ground.read(other), ground.read(f"{kept}.failed-1")]


async def archiving(ground: Ground) -> list[Any]:
    path, packed, back = ground.path("d.npz"), ground.part("d.gz", 5), ground.part("d.npz", 6)
    ground.write(path, OLD)
    stat = await stat_of(ground, path)
    changed = FileStat(stat.size_bytes + 1, stat.mtime_ns)

    async def archive(temp: str, seen: FileStat) -> Any:
        return await outcome(
            ground.agent.archive(ArchiveJob(path, seen, FileKind.PLAIN, temp, ground.root, "gzip"), lambda _: None)
        )

    async def verify() -> Any:
        found = await outcome(ground.agent.verify_archive(packed, ground.root, "gzip", lambda _: None))
        return (found.sha256, found.size_bytes) if hasattr(found, "sha256") else found

    async def restore(sha256: str) -> Any:
        job = RestoreJob(packed, ground.root, "gzip", back, ground.root, sha256, len(OLD), FileKind.PLAIN)
        found = await outcome(ground.agent.restore_archive(job, lambda _: None))
        return getattr(found, "sha256", found)

    told = [await verify(), await archive(packed, changed), ground.read(packed), await archive(path, stat)]
    told += [(await archive(packed, stat)).sha256, await verify(), await restore(digest(NEW)), ground.read(back)]
    told += [await restore(digest(OLD)), ground.read(back)]
    data = ground.read(packed)
    assert data is not None
    ground.write(packed, damaged(data))
    return [*told, await verify(), await restore(digest(OLD)), ground.read(path)]


async def deleting(ground: Ground) -> list[Any]:
    path, told = ground.path("e.npz"), []
    ground.write(path, OLD)
    stat = await stat_of(ground, path)

    async def delete(seen: FileStat, sha256: str, root: str, proof: int = 1) -> Any:
        deletion = Deletion(proof, path, root, seen, FileKind.PLAIN, (sha256,), ())
        found = await outcome(ground.agent.delete_proven(deletion))
        return getattr(found, "sha256", found)

    told.append(await delete(stat, digest(OLD), ground.root, proof=0))
    told.append(await delete(FileStat(stat.size_bytes, stat.mtime_ns, stat.inode + 1), digest(OLD), ground.root))
    told.append(await delete(stat, digest(NEW), ground.root))
    told.append(await delete(stat, digest(OLD), f"{ground.root}/models"))
    told.append(ground.read(path))
    told.append(await delete(stat, digest(OLD), ground.root))
    return [*told, ground.read(path), await outcome(ground.agent.stat(path))]


async def keeping_beside(ground: Ground) -> list[Any]:
    path, kept, told = ground.path("g.npz"), ground.path("g.kept-1.npz"), []
    ground.write(path, OLD)
    stat = await stat_of(ground, path)

    async def keep(seen: FileStat, sha256: str, root: str = ground.root, to: str = kept) -> Any:
        found = await outcome(ground.agent.keep_beside(Keeping(path, to, root, seen, FileKind.PLAIN, sha256)))
        return (found.sha256, found.stat.size_bytes) if hasattr(found, "sha256") else found

    told.append(await keep(FileStat(stat.size_bytes, stat.mtime_ns, stat.inode + 1), digest(OLD)))
    told.append(await keep(stat, digest(NEW)))
    told.append(await keep(stat, digest(OLD), f"{ground.root}/models"))
    told.append(await keep(stat, digest(OLD), to=f"{ground.root}/models/g.npz"))
    ground.write(kept, NEW)
    told += [await keep(stat, digest(OLD)), ground.read(path), ground.read(kept)]
    ground.write(kept, OLD)
    told += [await keep(stat, digest(OLD)), ground.read(path), ground.read(kept)]
    return [*told, await keep(stat, digest(OLD)), await outcome(ground.agent.stat(path))]


async def looking(ground: Ground) -> list[Any]:
    for name in ("f.db", ".hidden", "notes.txt"):
        ground.write(ground.path(name), OLD)
    ground.write(ground.part("f.db", 7), NEW)
    root = ScanRoot("here", ground.root, ("data", "models"), False)
    files, temporaries, states = set(), set(), []
    async for batch in ground.agent.scan([root]):
        files |= {(file.path, file.stat.size_bytes) for file in batch.files if "/f" in file.path}
        temporaries |= {(one.path, one.size_bytes) for one in batch.temporaries}
        states += [status.state for status in batch.roots]
    missing = await outcome(ground.agent.hash(ground.path("nothing.db"), FileKind.PLAIN))
    sha256 = (await ground.agent.hash(ground.path("f.db"), FileKind.PLAIN)).sha256
    return [files, temporaries, states, missing, sha256]


async def test_the_same_requests_come_to_the_same(tmp_path: Path) -> None:
    root = tmp_path / "node"
    (root / "data" / "games").mkdir(parents=True)
    (root / "models").mkdir()
    control = tmp_path / "ssh"
    control.mkdir()
    clock = ManualClock()
    node = ModelNode("here", True, str(root), clock)
    model = ModelAgent(ModelFleet(clock, {"here": node}), node)
    pool = SessionPool(lambda name: Endpoint(name, local=True), SshOptions(control_dir=control))

    def read(path: str) -> bytes | None:
        return Path(path).read_bytes() if Path(path).exists() else None

    def read_model(path: str) -> bytes | None:
        file = node.find(path)
        return None if file is None else file.data

    try:
        real = Ground(await pool.get("here"), str(root), lambda path, data: Path(path).write_bytes(data), read)
        played = Ground(model, str(root), node.write, read_model)
        for talk in (publishing, removing, archiving, deleting, keeping_beside, looking):
            assert await talk(played) == await talk(real), talk.__name__
    finally:
        await pool.close()
