"""The one way in which a file of the users' own is deleted: proven first, written down, hashed, then unlinked.

See docs/decisions/0009-archives-proofs-and-deletion.md. Nothing else asks an agent for ``delete_proven``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from config.classify import classify
from config.types import Policy
from engine.archive.cold import available
from engine.archive.judge import Case, Form, Verdict, judge
from engine.archive.proofs import Proofs, sources_in_use
from engine.archive.records import ArchiveRecords
from engine.archive.values import ArchiveError, ArchiveRecord, ArchiveState, Original, Proof, Witness
from engine.archive.vouching import Vouching
from engine.catalog.catalog import DataCatalog
from engine.catalog.roots import must_be_mounted
from engine.clock import Clock
from engine.errors import ErrorClass, NodeUnreachable, SyncdeckError
from engine.execution.places import configured_root, replica_at
from engine.integrity.kept import kept_from, kept_path
from engine.locations import node_of
from engine.model import DataEntry, FileKind, LocationState, LocationView, NodeState, Replica, ReplicaState
from engine.remote.archive_types import Deleted, Deletion
from engine.remote.types import ScanRoot
from engine.shielded import finish_anyway
from engine.store.store import Store
from engine.transport.types import AgentFor

_HOLDING = (ReplicaState.CURRENT, ReplicaState.STALE, ReplicaState.ARCHIVED, ReplicaState.DELETING)

Locations = Callable[[], dict[str, LocationView]]


@dataclass(frozen=True)
class Deleter:
    """Replaces originals by their archives, one at a time."""

    store: Store
    catalog: DataCatalog
    records: ArchiveRecords
    proofs: Proofs
    agent_for: AgentFor
    policy: Callable[[], Policy]
    locations: Locations
    clock: Clock
    vouching: Vouching
    verify: Callable[[ArchiveRecord], Awaitable[bool]]
    """Reads an archive in full and records what it is worth; returns whether it holds what was archived."""

    async def assess(self, archive: ArchiveRecord, protected: str | None = None) -> tuple[Verdict, Replica, DataEntry]:
        """Return whether the original of an archive may go as things are known now, reading nothing.

        Raises ArchiveError where there is no such original any more.
        """
        entry = await self.catalog.get(archive.key)
        replica = replica_at(entry, archive.original_location)
        if entry is None or replica is None or replica.path != archive.original_path:
            raise _refused(archive, "the original is not there any more", "nothing to do")
        if replica.state not in (ReplicaState.CURRENT, ReplicaState.STALE) or replica.changed:
            state = "changed since it was archived" if replica.changed else replica.state.value
            raise _refused(archive, f"the copy is {state}", "archive it again")
        if not await self.records.same_version(archive.entry_id, archive.sha256, replica.sha256):
            raise _refused(archive, "the copy is another version than the archive", "archive it again")
        reads = await self.store.read(lambda c: sources_in_use(c, str(archive.key), replica.location))
        pinned = "it is pinned" if str(archive.key) in await self.records.pinned() else None
        verdict = judge(
            Case(
                target=replica.location,
                forms=await self._forms(entry, replica, archive),
                newcomer=archive.id if archive.original is not Original.DELETED else None,
                now=self.clock.now(),
                fresh_seconds=self.policy().engine.archive.fresh_verification_seconds,
                source_of=reads,
                protected=protected or pinned,
            )
        )
        return verdict, replica, entry

    async def replace(self, archive: ArchiveRecord, who: str, protected: str | None = None) -> Deleted:
        """Delete the original of a verified archive, with a proof. Raises ArchiveError, and deletes nothing, if it may
        not go, or SyncdeckError when its node cannot be asked.
        """
        archive = await self._read_back(archive)
        verdict, replica, entry = await self.assess(archive, protected)
        if verdict.allowed:
            await self.vouching.hear(entry, replica, self.locations())
            verdict, replica, entry = await self.assess(archive, protected)
        if not verdict.allowed:
            await self.records.change(archive.id, reason=f"the original stays: {verdict.reason}")
            raise _refused(archive, verdict.reason, verdict.remedy)
        witnesses = await self._witnesses(verdict, entry)
        proof = await self.proofs.give(archive, replica, witnesses, (verdict.before, verdict.after), who)
        return await self.carry_out(proof, archive, replica, who)

    async def carry_out(self, proof: Proof, archive: ArchiveRecord, replica: Replica, who: str) -> Deleted:
        """Ask the witnesses once more, have the file hashed and unlinked in one call, and write down how it went."""
        subject = f"{archive.key} at {replica.location}"
        try:
            await self._ask_again(proof)
            if not await self.proofs.alive(proof.id):
                raise _refused(archive, "its proof expired", "it is proven again at the next try")
            root = configured_root(self.policy(), replica.location, replica.path)
            if not root:
                raise _refused(archive, "it lies in none of the configured folders", "see `syncdeck config effective`")
            deletion = Deletion(
                proof=proof.id,
                path=replica.path,
                root=root,
                stat=replica.stat,
                kind=FileKind(classify(replica.path).kind),
                sha256s=(archive.sha256 or "",),
                fingerprints=(archive.fingerprint,) if archive.fingerprint else (),
            )
            deleted = await (await self.agent_for(node_of(replica.location))).delete_proven(deletion)
        except NodeUnreachable:
            # It may or may not have happened: the proof stays, and the next start or try asks the node.
            raise
        except SyncdeckError as error:
            if error.error_class is ErrorClass.TRANSIENT_NETWORK:
                raise
            await finish_anyway(self.proofs.broken(proof, subject, error.cause, who))
            raise
        saved = ", ".join(f"{w.location}:{w.path}" for w in proof.witnesses)
        detail = (
            f"{replica.path}, {deleted.freed_bytes} bytes, sha256 {deleted.sha256};"
            f" proof {proof.id}: {proof.copies_before} copies before, {proof.copies_after} after, witnesses {saved};"
            f" {deleted.free_bytes} bytes free now"
        )
        await finish_anyway(self.proofs.used(proof, subject, detail, who))
        return deleted

    async def recover(self, who: str) -> list[int]:
        """Finish or take back the deletions that a kill or a lost node cut short. Those of lost nodes wait.

        Returns the archives whose originals were found not to be deleted.
        """
        kept = []
        for proof in await self.proofs.unfinished():
            archive = await self.records.get(proof.archive_id) if proof.archive_id is not None else None
            if archive is None:
                continue
            subject = f"{archive.key} at {proof.location}"
            try:
                agent = await self.agent_for(node_of(proof.location))
                there = await agent.stat(proof.path)
                if there is None:
                    root = configured_root(self.policy(), proof.location, proof.path)
                    await available(agent, ScanRoot(proof.location, root, (), must_be_mounted(root)))
            except SyncdeckError:
                continue  # It stays DELETING, which counts for nothing, until its node and drive answer.
            if there is None:
                detail = f"{proof.path}; proof {proof.id}; it was cut short right after"
                await self.proofs.used(proof, subject, detail, who)
            else:
                await self.proofs.broken(proof, subject, "it was cut short before it was deleted", who)
                kept.append(archive.id)
        return kept

    async def _read_back(self, archive: ArchiveRecord) -> ArchiveRecord:
        """Return the archive, read in full again where that was too long ago. Raises ArchiveError for a failed one."""
        fresh = self.policy().engine.archive.fresh_verification_seconds
        if archive.state is not ArchiveState.VERIFIED:
            raise _refused(archive, f"its archive is {archive.state.value}", "`syncdeck archive verify` says more")
        if archive.verified_at is not None and archive.verified_at >= self.clock.now() - fresh:
            return archive
        if not await self.verify(archive):
            raise _refused(archive, "its archive does not hold it", "`syncdeck archive list` says why")
        found = await self.records.get(archive.id)
        assert found is not None
        return found

    async def _ask_again(self, proof: Proof) -> None:
        """Raise ArchiveError unless every witness still looks as it did when it was read in full."""
        for witness in proof.witnesses:
            try:
                found = await (await self.agent_for(node_of(witness.location))).stat(witness.path)
            except SyncdeckError as error:
                # Nothing was asked of the file's own node yet: the proof ends, and the copy is what it was.
                cause = f"its witness {witness.path} at {witness.location} cannot be asked: {error.cause}"
                raise ArchiveError("delete", proof.path, cause, error.remedy, ErrorClass.SOURCE_CHANGED) from error
            if witness.archive_id is not None:
                archive = await self.records.get(witness.archive_id)
                same = archive is not None and found is not None and archive.stat.same_content_as(found)
            else:
                read = None if found is None else await self.proofs.reading(witness.location, witness.path, found)
                same = read is not None and read[0] == witness.sha256
            if not same:
                cause = f"its witness {witness.path} at {witness.location} is not what it was"
                raise ArchiveError("delete", proof.path, cause, "`syncdeck archive verify`", ErrorClass.SOURCE_CHANGED)

    async def _forms(self, entry: DataEntry, target: Replica, archive: ArchiveRecord) -> list[Form]:
        views = self.locations()
        forms = []
        for replica in entry.replicas:
            if replica.state is ReplicaState.ARCHIVED or replica.sha256 is None or replica.changed:
                continue
            form = _form(views, replica.location, doomed=replica.state is ReplicaState.DELETING)
            if replica.sha256 == target.sha256 and replica.state in (target.state, ReplicaState.DELETING):
                read = await self.proofs.reading(replica.location, replica.path, replica.stat)
                forms.append(replace(form, verified_at=read[1] if read and read[0] == replica.sha256 else None))
            elif replica.state in (ReplicaState.CURRENT, ReplicaState.STALE):
                forms.append(replace(form, other_version=True))
        for other in await self.records.of_entry(archive.entry_id):
            if other.sha256 is None:
                continue
            form = _form(views, other.location)
            forms.append(
                replace(
                    form,
                    verified_at=other.verified_at,
                    archive_id=other.id,
                    archive_sound=other.state is ArchiveState.VERIFIED,
                    other_version=other.sha256 != archive.sha256,
                )
            )
        return forms + await self._under_other_names(entry, target, views)

    async def _under_other_names(self, entry: DataEntry, target: Replica, views: dict[str, LocationView]) -> list[Form]:
        """Return the copies of the content under its other name: the one it was kept as, or the one it was kept from.

        They vouch for nothing, for they may go their own way any moment; but where one lies, an archive makes no
        second place.
        """
        sha256 = target.sha256 or ""
        paths = (kept_path(entry.key.path, sha256), kept_from(entry.key.path, sha256))
        found = [await self.catalog.get(replace(entry.key, path=path)) for path in paths if path is not None]
        forms = []
        for replica in (replica for other in found if other is not None for replica in other.replicas):
            if replica.sha256 is None or replica.changed:
                continue
            form = _form(views, replica.location, doomed=replica.state is ReplicaState.DELETING)
            if replica.sha256 == sha256 and replica.state in _HOLDING:
                forms.append(form)
            elif replica.state is ReplicaState.STALE:
                # What the kept content grew from, perhaps: then it is in both places now.
                forms.append(replace(form, other_version=True))
        return forms

    async def _witnesses(self, verdict: Verdict, entry: DataEntry) -> list[Witness]:
        """Return the witnesses by name, one for each location."""
        found: dict[str, Witness] = {}
        for form in verdict.witnesses:
            assert form.verified_at is not None
            if form.archive_id is not None:
                archive = await self.records.get(form.archive_id)
                if archive is not None and archive.sha256 is not None:
                    found[form.location] = Witness(
                        form.location, archive.path, archive.sha256, form.verified_at, archive.id
                    )
            elif (replica := replica_at(entry, form.location)) is not None and replica.sha256 is not None:
                found.setdefault(form.location, Witness(form.location, replica.path, replica.sha256, form.verified_at))
        return list(found.values())


def _form(views: dict[str, LocationView], location: str, doomed: bool = False) -> Form:
    """Return how a location stands, whatever it holds."""
    view = views.get(location)
    return Form(
        location=location,
        durable=view is not None and view.durable,
        reachable=view is not None and view.node_state is NodeState.UP and view.state is LocationState.AVAILABLE,
        failing=view is not None and view.failing,
        verified_at=None,
        doomed=doomed,
    )


def _refused(archive: ArchiveRecord, cause: str, remedy: str) -> ArchiveError:
    subject = f"{archive.key} at {archive.original_location}"
    return ArchiveError("delete", subject, cause, remedy, ErrorClass.CONFIG)
