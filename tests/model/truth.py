"""What is so, found on the disks themselves, and what must hold of every act of the engine."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Set
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from config.classify import classify
from engine.archive.values import ArchiveCode
from engine.integrity.kept import kept_path
from engine.integrity.temporary import parse_temporary
from engine.locations import node_of
from engine.model import Replica, ReplicaState
from tests.model.disk import ModelFleet, ModelNode, digest, unpacked
from tests.model.games import complete_games, holds_all
from tests.model.world import ModelWorld

ARCHIVES = "/archives/"
Counts = Mapping[bytes, tuple[int, int]]
Places = frozenset[tuple[str, str]]
"""Of each: location, path."""
Damaged = dict[tuple[str, str], bytes | None]
"""By (node, path): what a file held before."""
Held = tuple[str, bool, bytes]
"""(location, durable, content)."""


class Broken(AssertionError):
    """An invariant of the whole does not hold."""


@dataclass(frozen=True)
class Snapshot:
    """What all disks hold at a moment: (location, path, durable, content). ``paired`` are the archives whose original
    was brought back."""

    held: tuple[tuple[str, str, bool, bytes], ...]
    paired: Places


@dataclass
class Truth:
    """Watches one world. ``versions`` are the contents that must never get fewer; ``strays`` belong to nobody's
    history: (node, path) to the bytes that must stay there."""

    world: ModelWorld
    versions: set[bytes] = field(default_factory=set)
    strays: dict[tuple[str, str], bytes] = field(default_factory=dict)
    rotten: Damaged = field(default_factory=dict)
    """Archives that were changed without a trace: nobody can know before they are read in full."""
    tampered: Damaged = field(default_factory=dict)
    """Archives that were damaged and that nobody read since."""
    games: set[bytes] = field(default_factory=set)
    """Games with their moves that an operator believed to be elsewhere."""
    taken: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """Copies that an operator took away; where nobody can look now they are believed to be there."""
    broken: list[str] = field(default_factory=list)
    went: set[tuple[tuple[str, str], tuple[str, str]]] = field(default_factory=set)
    """Places (location, path) of originals that went, each with that of an archive that vouched for it."""
    unlinked: int = 0
    replaced: int = 0
    renamed: int = 0

    def __post_init__(self) -> None:
        self.fleet.on_unlink = self.on_unlink
        self.fleet.on_replace = self.on_replace
        self.fleet.on_keep = self.on_keep

    @property
    def fleet(self) -> ModelFleet:
        return self.world.fleet

    def snapshot(self) -> Snapshot:
        """Return what is held now."""
        return Snapshot(tuple(placed(self.fleet)), self._paired())

    def _counts(self, snapshot: Snapshot, paired: Places) -> Counts:
        """Return of each version in how many durable locations, and in how many at all, all that it holds is."""
        found = {}
        for version in self.versions:
            places = {
                (location, durable)
                for location, path, durable, data in snapshot.held
                if (location, path) not in paired and holds(data, version)
            }
            found[version] = (sum(durable for _, durable in places), len(places))
        return found

    def _paired(self) -> Places:
        """Return (location, path) of the archives that do not count beside their originals.

        Those whose durable original went for them and was restored since (another form of it at its location counts for
        it), and those that were being made when the engine was killed: its next run lets their originals go.
        """
        again = """SELECT a.path, l.name, a.original_location, a.original_path FROM archives a
            JOIN locations l ON l.id = a.location_id JOIN restores r ON r.archive_id = a.id
            JOIN transfers t ON t.id = r.transfer_id
            WHERE t.state = 'done' AND t.target = a.original_location"""
        made = """SELECT a.path, l.name, a.original_location, a.original_path FROM archives a
            JOIN locations l ON l.id = a.location_id
            WHERE a.path != '' AND a.original != 'deleted' AND (a.state = 'writing' OR a.code = ?)"""
        found = set()
        for row in self._rows(again) if self.went else ():
            pair = (row["original_location"], row["original_path"]), (row["name"], row["path"])
            data = self._original_of(*pair)
            if pair not in self.went or data is None or not self.fleet.nodes[node_of(pair[0][0])].durable:
                continue
            if sum(place == pair[0][0] and data == file for place, _, file in holdings(self.fleet)) == 1:
                found.add(pair[1])
        for row in self._rows(made, ArchiveCode.AWAITS_DELETION.value):
            archive = row["name"], row["path"]
            if self._original_of((row["original_location"], row["original_path"]), archive) is not None:
                found.add(archive)
        return frozenset(found)

    def _original_of(self, original: tuple[str, str], archive: tuple[str, str]) -> bytes | None:
        """Return what the original's place holds if that is what the archive holds, both as (location, path)."""
        file, packed = (self.fleet.nodes[node_of(place)].files.get(path) for place, path in (original, archive))
        return file.data if file is not None and packed is not None and unpacked(packed.data) == file.data else None

    def check_kept(self, before: Snapshot) -> None:
        """Raise if any version has fewer durable copies than before, or none any more.

        An original that was brought back and the archive that it went for once are one: either stands for both.
        """
        after = self.snapshot()
        now = self._counts(after, after.paired)
        for version, (durable, anywhere) in self._counts(before, before.paired | after.paired).items():
            if now[version][0] < durable:
                raise Broken(f"durable copies of {version!r} fell from {durable} to {now[version][0]}")
            if anywhere and not now[version][1]:
                raise Broken(f"{version!r} is nowhere any more")

    def check_strays(self) -> None:
        """Raise if a file that never was a version was touched."""
        for (name, path), data in self.strays.items():
            file = self.fleet.nodes[name].files.get(path)
            if file is None or file.data != data:
                raise Broken(f"the diverged file {path} at {name} was overwritten or removed")

    def note_kept(self) -> int:
        """Take strays that were kept beside a new version for data like any other; return how many copies were kept."""
        for (name, path), data in list(self.strays.items()):
            file = self.fleet.nodes[name].files.get(kept_path(path, digest(data)))
            if file is not None and file.data == data:
                del self.strays[(name, path)]
                self.versions.add(data)
        kept, self.renamed = self.renamed, 0
        return kept

    def on_keep(self, node: ModelNode, path: str, kept: str) -> None:
        """Hear that a copy got another name: only one that holds the same may have it already."""
        self.renamed += 1
        file, there = node.files[path], node.files.get(kept)
        if there is not None and there.data != file.data:
            self.broken.append(f"{path} took the name of another content at {node.name}")
        if node.location_of(path) != node.location_of(kept):
            self.broken.append(f"{path} was moved to another place")
        if "/synced/" not in path:
            self.broken.append(f"{path} is {node.name}'s own file, and lost its name")

    def check_heard(self) -> None:
        """Raise if an act broke a rule in the moment when it happened."""
        if self.broken:
            raise Broken("; ".join(self.broken))

    async def check_catalog(self) -> None:
        """Raise if the catalog says of a node that answers what is not so, or counts an archive that is not sound."""
        page = await self.world.engine.tools.catalog.iter_entries(0, 500)
        for _, entry in page:
            for replica in entry.replicas:
                node = self.fleet.nodes[node_of(replica.location)]
                file = node.find(replica.path)
                if file is None or not node.up or replica.sha256 is None or replica.changed:
                    continue
                if (node.name, replica.path) in self.rotten or (node.name, replica.path) in self.tampered:
                    continue
                said = f"the catalog says of {replica.path} at {replica.location}: {replica.state.value}"
                if replica.state is ReplicaState.ARCHIVED:
                    data = unpacked(file.data)
                    if data is None or digest(data) != replica.sha256:
                        raise Broken(f"{said}, but the archive does not hold that")
                elif replica.stat.same_content_as(file.stat) and digest(file.data) != replica.sha256:
                    raise Broken(f"{said}, but it holds another content")

    async def check_looked(self) -> None:
        """Raise unless, right after a look at every node, the catalog names just the files that are there."""
        page = await self.world.engine.tools.catalog.iter_entries(0, 500)
        files = [
            (replica.location, replica.path, replica.state)
            for _, entry in page
            for replica in entry.replicas
            if replica.state not in (ReplicaState.ARCHIVED, ReplicaState.QUARANTINED)
        ]
        going = {(location, path) for location, path, state in files if state is ReplicaState.DELETING}
        said = {(location, path) for location, path, _ in files}
        there = {
            (node.location_of(path), path) for node in self.fleet.nodes.values() for path in node.files if is_data(path)
        }
        open_now = {
            node.location_of(path)
            for node in self.fleet.nodes.values()
            if node.up
            for path in node.files
            if node.sees(path)
        }
        for location, path in (said ^ there) - going:
            if location in open_now:
                raise Broken(f"after a look the catalog and the disk differ about {path} at {location}")

    def check_failed_archives(self) -> None:
        """Raise if a copy counts that stands for an archive which was found damaged."""
        counted = """SELECT r.path FROM replicas r JOIN archives a ON a.path = r.path AND a.location_id = r.location_id
            WHERE r.state = 'archived' AND a.state != 'verified'
            AND NOT EXISTS (SELECT 1 FROM archives o WHERE o.path = r.path AND o.state = 'verified')"""
        for row in self._rows(counted):
            raise Broken(f"the archive {row['path']} counts, but is not verified")
        moved = """SELECT r.path FROM replicas r WHERE r.state = 'archived' AND NOT EXISTS
            (SELECT 1 FROM archives a WHERE a.path = r.path AND a.state = 'verified')"""
        for row in self._rows(moved):
            raise Broken(f"a copy counts for {row['path']}, of which there is no verified archive")

    def check_transfers(self) -> None:
        """Raise if two live transfers bring one entry to one place."""
        twins = """SELECT key, target, count(*) AS n FROM transfers WHERE state NOT IN ('done', 'cancelled', 'failed')
            GROUP BY key, target HAVING n > 1"""
        for row in self._rows(twins):
            raise Broken(f"{row['n']} live transfers bring {row['key']} to {row['target']}")

    async def check_superseded(self) -> None:
        """Raise if the engine says of a database that other ones hold all its games, and they do not. For a moment
        after a look and a count."""
        page = await self.world.engine.tools.catalog.iter_entries(0, 500)
        held = [*holdings(self.fleet), *self.believed()]
        stayed = {
            file.data if is_data(path) else unpacked(file.data)
            for node in self.fleet.nodes.values()
            for path, file in node.files.items()
            if ".kept-" in path
        }
        for _, entry in page:
            said = self.world.engine.games.proof(entry.key)
            if said is None or said.only_here or not said.complete:
                continue
            # What is said is said of the current version; an archive may hold an earlier one.
            current = [copy for copy in entry.replicas if entry.current and copy.sha256 == entry.current.sha256]
            own = {content for content in map(self._content, current) if content is not None}
            for content in own:
                foreign = [data for _, durable, data in held if durable and _is_foreign(data, content, stayed)]
                lost = complete_games(content).difference(*map(complete_games, foreign))
                if lost:
                    raise Broken(f"{entry.key} is called superseded, but {sorted(lost)} are in no other database")

    def check_games(self) -> None:
        """Raise if a game that was believed to be elsewhere is nowhere safe."""
        held = [data for _, durable, data in (*holdings(self.fleet), *self.believed()) if durable]
        lost = self.games.difference(*map(complete_games, held))
        if lost:
            raise Broken(f"the games {sorted(lost)} are lost: their database was called superseded")
        self.games.clear()

    def believed(self) -> Iterator[Held]:
        """Yield what was damaged or taken away by now without anybody having had a chance to know."""
        for (name, path), data in (self.rotten | self.tampered).items():
            node = self.fleet.nodes[name]
            if data is not None and path in node.files:
                yield node.location_of(path), node.durable, data
        for (name, path), data in self.taken.items():
            node = self.fleet.nodes[name]
            if path not in node.files and not (node.up and node.sees(path)):
                yield node.location_of(path), node.durable, data

    def on_replace(self, node: ModelNode, path: str, old: bytes, new: bytes) -> None:
        """Hear that a file takes another one's place."""
        self.replaced += 1
        if len(new) < len(old):
            self.broken.append(f"{len(new)} bytes replaced {len(old)} at {path} on {node.name}")

    def on_unlink(self, node: ModelNode, path: str, number: int) -> None:
        """Hear that a data file goes: its proof must be stored and alive, and its witnesses true in this moment."""
        self.unlinked += 1
        data, location, now = node.files[path].data, node.location_of(path), self.fleet.clock.now()
        proofs = self._rows("SELECT * FROM proofs WHERE id = ? AND state = 'alive'", number)
        if not proofs or proofs[0]["expires_at"] <= now:
            self.broken.append(f"{path} goes without a live proof")
            return
        if (proofs[0]["location"], proofs[0]["path"]) != (location, path):
            self.broken.append(f"{path} goes by the proof of {proofs[0]['path']}")
        witnesses = self._rows("SELECT * FROM holds WHERE proof_id = ?", number)
        if not witnesses:
            self.broken.append(f"{path} goes, and nothing holds a witness")
        if self._rows("SELECT * FROM holds WHERE location = ? AND path = ?", location, path):
            self.broken.append(f"{path} goes, and is itself a witness")
        archives = [(one["location"], one["path"]) for one in witnesses if one["archive_id"] is not None]
        self.went |= {((location, path), archive) for archive in archives}
        for witness in witnesses:
            problem = self._problem(witness, data)
            if problem:
                self.broken.append(f"{path} goes, but its witness {witness['path']} {problem}")

    def _problem(self, witness: Mapping[str, Any], data: bytes) -> str | None:
        """Return why a witness is not true now, None for one that is."""
        node = self.fleet.nodes[witness["location"].split(":", 1)[0]]
        file = node.find(witness["path"])
        if not node.durable:
            return "is on a rented node"
        if file is None or not node.up:
            return "is not there"
        held = unpacked(file.data) if witness["archive_id"] is not None else file.data
        return None if held == data else "does not hold it"

    def _content(self, replica: Replica) -> bytes | None:
        """Return what a copy of a current version holds on its disk, as bytes."""
        file = self.fleet.nodes[node_of(replica.location)].files.get(replica.path)
        if file is None or replica.changed or not replica.stat.same_content_as(file.stat):
            return None
        if replica.state not in (ReplicaState.CURRENT, ReplicaState.ARCHIVED):
            return None
        return unpacked(file.data) if replica.state is ReplicaState.ARCHIVED else file.data

    def _rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Return what is stored, read past the engine."""
        with closing(sqlite3.connect(self.world.engine.store.path)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(statement, values)]


def holds(data: bytes, version: bytes) -> bool:
    """Return whether a content is a version or one that followed it: it begins like it, or has all its games.

    The end of a version that was cut off amid a line is no game, and nobody misses it.
    """
    whole, line_end, _ = version.rpartition(b"\n")
    version = whole + line_end or version
    if data.startswith(version):
        return True
    return data.split(b"\n")[0] == version.split(b"\n")[0] and holds_all(version, data)


def _is_foreign(data: bytes, content: bytes, stayed: Set[bytes | None]) -> bool:
    """Return whether a content is one of another database, what stayed of an earlier beginning being one as well."""
    if data == content:
        return False
    return content in stayed or data in stayed or data.split(b"\n")[0] != content.split(b"\n")[0]


def is_data(path: str) -> bool:
    """Return whether a path is that of a user's file."""
    return parse_temporary(path) is None and ARCHIVES not in path and classify(path).data_type is not None


def placed(fleet: ModelFleet) -> Iterator[tuple[str, str, bool, bytes]]:
    """Yield what every file and every archive that can be read holds, drives away included, with its path."""
    for node in fleet.nodes.values():
        for path, file in node.files.items():
            if is_data(path):
                yield node.location_of(path), path, node.durable, file.data
            elif ARCHIVES in path and parse_temporary(path) is None:
                held = unpacked(file.data)
                if held is not None:
                    yield node.location_of(path), path, node.durable, held


def holdings(fleet: ModelFleet) -> Iterator[Held]:
    """Yield what ``placed`` yields without the paths."""
    for location, _, durable, data in placed(fleet):
        yield location, durable, data


__all__ = ["Broken", "Truth", "holdings"]
