"""The engine broken on purpose, one promise at a time. Used by ``test_breaking_it.py`` only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete

from config.document import Path
from config.editing.rules import merge_rule_edit
from engine.archive import judge
from engine.archive.deleting import Deleter
from engine.archive.judge import Form
from engine.archive.proofs import Proofs
from engine.archive.records import ArchiveRecords
from engine.archive.values import ArchiveRecord, ArchiveState, Proof
from engine.archive.vouching import Vouching
from engine.catalog.exposure import ExposedEntry
from engine.execution import landing
from engine.integrity.guard import Decision, Verdict, decide
from engine.inventory.fleet import Fleet
from engine.model import DataEntry, FileStat, LocationView, Replica, ReplicaState, Version
from engine.planner import admission
from engine.planner.guards import guard
from engine.planner.obstacles import Obstacle
from engine.remote.agent import gameids
from engine.rescue.exposed import Exposed
from engine.rules.texts import Planned
from engine.store.schema import holds
from tests.model.agent import ModelAgent

Patch = pytest.MonkeyPatch


def counting_rented_copies(patch: Patch) -> None:
    """A proof counts copies on nodes whose disks go with them."""
    views = Fleet.location_views

    def all_durable(fleet: Fleet, failing: frozenset[str] = frozenset()) -> Mapping[str, LocationView]:
        return {name: replace(view, durable=True) for name, view in views(fleet, failing).items()}

    patch.setattr(Fleet, "location_views", all_durable)


def unlinking_before_reading_back(patch: Patch) -> None:
    """An archive is believed as it was written, and the original goes."""
    patch.setattr(ModelAgent, "reads_back", lambda agent, path, data: True)


def holding_nothing(patch: Patch) -> None:
    """A proof is given, but holds none of its witnesses."""
    give = Proofs.give

    async def without_holds(proofs: Proofs, *about: Any, **more: Any) -> Proof:
        proof = await give(proofs, *about, **more)
        await proofs._store.write(lambda c: c.execute(delete(holds).where(holds.c.proof_id == proof.id)))
        return proof

    patch.setattr(Proofs, "give", without_holds)


def ignoring_freshness(patch: Patch) -> None:
    """What was read in full once counts for ever."""

    async def unread(deleter: Deleter, archive: ArchiveRecord) -> ArchiveRecord:
        return archive

    def counts(form: Form, now: float, fresh_seconds: float) -> bool:
        sound = form.archive_sound and not form.doomed and form.verified_at is not None
        return form.durable and form.reachable and not form.failing and sound

    patch.setattr(Deleter, "_read_back", unread)
    patch.setattr(judge, "counts", counts)


def counting_failed_archives(patch: Patch) -> None:
    """An archive that was found damaged goes on standing for a copy."""
    settle = ArchiveRecords.settle

    async def only_noted(records: ArchiveRecords, archive_id: int, **values: Any) -> None:
        failed = values.get("state") == ArchiveState.FAILED.value
        await (records.change if failed else lambda i, **v: settle(records, i, **v))(archive_id, **values)

    patch.setattr(ArchiveRecords, "settle", only_noted)


def counting_a_place_twice(patch: Patch) -> None:
    """An archive takes an original's place although its location holds a copy: one that nobody reads is no copy."""

    async def unheard(vouching: Vouching, entry: DataEntry, target: Replica, views: object) -> None:
        return

    patch.setattr(Vouching, "hear", unheard)
    patch.setattr(judge, "_taken", lambda case, counting, forms: ("", ""))


def replacing_larger_by_smaller(patch: Patch) -> None:
    """A version that shrank takes the place of the larger copy."""

    def any_size(found: FileStat | None, known: Replica | None, new: Version | None, size: int) -> Decision:
        decided = decide(found, known, new, size)
        stale = known is not None and known.state in (ReplicaState.STALE, ReplicaState.CURRENT)
        if decided.verdict is Verdict.REFUSE and stale:
            return replace(decided, verdict=Verdict.ALLOW)
        return decided

    patch.setattr(landing, "decide", any_size)
    _planning_without(patch, "smaller")


def overwriting_diverged(patch: Patch) -> None:
    """What never was a version is taken for an old one."""

    def any_content(found: FileStat | None, known: Replica | None, new: Version | None, size: int) -> Decision:
        if known is not None and known.state is ReplicaState.DIVERGED:
            known = replace(known, state=ReplicaState.STALE)
        return decide(found, known, new, size)

    patch.setattr(landing, "decide", any_content)
    _planning_without(patch, "diverged")


def _planning_without(patch: Patch, code: str) -> None:
    """Let the planner, too, see nothing wrong with it: what it refuses never comes to the landing."""

    def lenient(entry: DataEntry, target: str, size_bytes: int) -> Obstacle | None:
        found = guard(entry, target, size_bytes)
        return None if found is not None and found.code == code else found

    patch.setattr(admission, "guard", lenient)


def counting_games_without_moves(patch: Patch) -> None:
    """A row without its moves is taken for a game."""

    def rows_alone(games: Iterable[gameids.Row], moves: object, tally: gameids.Tally) -> Iterator[bytes]:
        rows = list(games)
        return complete_ids(rows, [(number, told) for number, told in rows], tally)

    complete_ids = gameids.complete_ids
    patch.setattr(gameids, "complete_ids", rows_alone)


def taking_any_successor(patch: Patch) -> None:
    """A version takes the place of one whose games it lacks."""
    patch.setattr(landing, "may_lack", lambda path: False)


def losing_what_others_wrote(patch: Patch) -> None:
    """A rule is written into the file as it was when the draft was begun."""

    def of_the_base(plan: Planned, base: str, theirs: str, key: Path) -> str:
        return merge_rule_edit(base, base, plan.edit, key) if plan.edit is not None else base

    patch.setattr(Planned, "merge", of_the_base)


def calling_a_node_safe_too_early(patch: Patch) -> None:
    """What was written since the last copy is not looked for."""

    async def without_newer(exposed: Exposed, nodes: Collection[str], together: bool) -> list[ExposedEntry]:
        return [one for one in await entries(exposed, nodes, together) if not one.newer]

    entries = Exposed.entries
    patch.setattr(Exposed, "entries", without_newer)


BREAKAGES: dict[Callable[[Patch], None], tuple[str, ...]] = {
    counting_rented_copies: ("change_rules", "archive"),
    unlinking_before_reading_back: ("spoil_drive", "archive"),
    holding_nothing: ("archive",),
    ignoring_freshness: ("archive", "rot_archive", "archive"),
    counting_failed_archives: ("archive", "damage_archive", "verify"),
    counting_a_place_twice: ("write_new", "look", "ask_archive", "plan", "move", "work"),
    replacing_larger_by_smaller: ("sync", "shrink", "wait", "sync"),
    overwriting_diverged: ("sync", "stray", "sync", "append", "wait", "sync"),
    taking_any_successor: ("sync", "recycle", "wait", "sync"),
    counting_games_without_moves: ("write_new", "sync", "merge_games", "sync", "believe_superseded"),
    losing_what_others_wrote: ("edit_rule",),
    calling_a_node_safe_too_early: ("rescue", "append", "look_after"),
}
"""Each with the acts that schedules dwell on: what it protects from must happen often enough to be seen."""
