"""Emergencies and drains on real nodes: what is only there is saved, smallest first, and said as it is."""

from __future__ import annotations

from contextlib import ExitStack

from engine.data_plane import UnifiedDataPlane
from engine.inventory.fleet import OBSERVING
from engine.views import SyncRequest
from tests.e2e.cluster import Cluster, make_npz
from tests.games.databases import add_games, ids
from tests.rescue.fleets import all_up, engine_on, rented, rescue_of, risk_of, until, where

NODE = "node-1"


async def seen(engine: UnifiedDataPlane, entries: int, node: str = NODE) -> None:
    """Wait until the engine knows of so many entries that only one node has."""

    async def known() -> bool:
        return (await risk_of(engine, node)).entries == entries

    await until(engine, known)


async def ended(engine: UnifiedDataPlane, state: str, kind: str, node: str = NODE) -> None:
    """Wait until the newest rescue of a node is in a state."""

    async def there() -> bool:
        view = await rescue_of(engine, node, kind)
        return view is not None and view.state == state

    await until(engine, there)


async def test_what_is_at_risk_is_what_the_status_says_and_its_entries_come_smallest_first(group: Cluster) -> None:
    rented(group, NODE)
    for name, size in (("large.npz", 30_000), ("small.npz", 3_000), ("middle.npz", 9_000)):
        make_npz(group.fleet[NODE].training / name, size)
    async with engine_on(group, observe=True) as engine:
        await all_up(engine)
        await seen(engine, 3)
        rows = await engine.at_risk()
        figures = {row.node: (row.entries, row.bytes) for row in rows}

        async def agreed() -> bool:
            nodes = (await engine.health_check()).nodes
            return figures == {node.node: (node.at_risk_entries, node.at_risk_bytes) for node in nodes}

        await until(engine, agreed)
        status = await engine.status()
        assert rows[0].node == NODE and rows[0].bytes == status.at_risk_bytes
        page = await engine.at_risk_entries(NODE, 0, 10)
        assert [row.key for row in page.rows] == ["npz:small.npz", "npz:middle.npz", "npz:large.npz"]
        assert sum(row.at_risk_bytes for row in page.rows) == rows[0].bytes
        assert (await engine.at_risk_entries(NODE, 1, 1)).rows == page.rows[1:2]


async def test_games_written_since_the_last_save_are_not_said_to_be_none_or_all(group: Cluster) -> None:
    database = group.fleet[NODE].games / "selfplay_hex8_2p.db"
    add_games(database, ids(0, 40))
    async with engine_on(group) as engine:
        await all_up(engine)

        async def saved() -> bool:
            if (await risk_of(engine, NODE)).entries:
                # By itself a database that was touched is saved again only after a while.
                await engine.sync(SyncRequest())
                return False
            counted = await engine.games(f"games:{database.name}@{NODE}") is not None
            return counted and len(where(group, database.name)) > 1

        await until(engine, saved)
        await engine.pause()
        add_games(database, ids(40, 2))
        await engine.rescan((NODE,))
        await seen(engine, 1)
        assert (await risk_of(engine, NODE)).games is None
        (row,) = (await engine.at_risk_entries(NODE, 0, 10)).rows
        assert (row.games, row.reason) == (None, "newer content than the saved version is only there")


async def test_a_dead_node_shows_what_it_took_and_until_when_that_was_confirmed(group: Cluster) -> None:
    rented(group, NODE)
    make_npz(group.fleet[NODE].training / "gone.npz")
    with ExitStack() as stack:
        async with engine_on(group, observe=True) as engine:
            await all_up(engine)
            await seen(engine, 1)
            group.fleet[NODE].kill()
            stack.callback(group.fleet[NODE].start)
            await engine.rescan((NODE,))
            await until(engine, lambda: _is_dead(engine))
            row = await risk_of(engine, NODE)
            assert row.entries == 1
            assert row.confirmed_until is not None and row.dead_since is not None
            assert row.confirmed_until <= row.dead_since <= row.at
        async with engine_on(group, observe=True) as engine:
            await until(engine, lambda: _is_dead(engine))
            again = await risk_of(engine, NODE)
            assert again.dead_since is not None and again.dead_since <= row.at, "it was dead before this engine began"


async def _is_dead(engine: UnifiedDataPlane) -> bool:
    return (await risk_of(engine, NODE)).dead_since is not None


async def test_an_emergency_saves_everything_and_says_so(group: Cluster) -> None:
    rented(group, NODE)
    for name in ("a.npz", "b.npz"):
        make_npz(group.fleet[NODE].training / name)
    async with engine_on(group, observe=True) as engine:
        await all_up(engine)
        await seen(engine, 2)
        preview = await engine.preview(SyncRequest(emergency=True, nodes=(NODE,)))
        assert preview.files == 2
        await engine.sync(SyncRequest(emergency=True, nodes=(NODE,)))
        begun = await rescue_of(engine, NODE, "emergency")
        assert begun is not None and (begun.files_total, begun.files_done) == (2, 0)
        await engine.resume()
        await ended(engine, "done", "emergency")
        view = await rescue_of(engine, NODE, "emergency")
        assert view is not None and view.finished_at is not None
        assert (view.files_done, view.bytes_done) == (2, view.bytes_total)
        assert view.sentence.startswith("saved: 2 files")
        assert (await risk_of(engine, NODE)).entries == 0
    assert len(where(group, "a.npz")) > 1 and len(where(group, "b.npz")) > 1


async def test_an_observing_engine_moves_nothing_that_is_asked_of_it_until_it_is_told_to_run(group: Cluster) -> None:
    rented(group, NODE)
    make_npz(group.fleet[NODE].training / "a.npz")
    async with engine_on(group, observe=True) as engine:
        await all_up(engine)
        await seen(engine, 1)
        told = await engine.sync(SyncRequest(emergency=True, nodes=(NODE,)))
        assert "it observes" in told.message

        async def waits() -> bool:
            rows = (await engine.transfers(0, 10)).rows
            return bool(rows) and all((row.state, row.reason) == ("waiting", OBSERVING) for row in rows)

        await until(engine, waits)
        assert len(group.copies_of("a.npz")) == 1
        await engine.resume()
        await ended(engine, "done", "emergency")
    assert len(group.copies_of("a.npz")) > 1


async def test_an_emergency_that_was_begun_before_a_restart_goes_on_after_it(group: Cluster) -> None:
    rented(group, NODE)
    make_npz(group.fleet[NODE].training / "a.npz")
    async with engine_on(group, observe=True) as engine:
        await all_up(engine)
        await seen(engine, 1)
        await engine.sync(SyncRequest(emergency=True, nodes=(NODE,)))
        before = await rescue_of(engine, NODE, "emergency")
    async with engine_on(group) as engine:
        after = await rescue_of(engine, NODE, "emergency")
        assert before is not None and after is not None
        assert (after.started_at, after.files_total) == (before.started_at, 1)
        await ended(engine, "done", "emergency")


async def test_an_emergency_that_cannot_reach_its_node_says_why_and_goes_on_when_it_can(group: Cluster) -> None:
    rented(group, NODE)
    make_npz(group.fleet[NODE].training / "a.npz")
    async with engine_on(group, observe=True) as engine:
        await all_up(engine)
        await seen(engine, 1)
        await engine.pause((NODE,))
    async with engine_on(group) as engine:
        await engine.sync(SyncRequest(emergency=True, nodes=(NODE,)))
        await ended(engine, "stuck", "emergency")
        view = await rescue_of(engine, NODE, "emergency")
        assert view is not None and view.unsaved_total == 1
        assert view.unsaved[0][0] == "npz:a.npz" and "paused" in view.unsaved[0][1]
        await engine.resume((NODE,))
        await ended(engine, "done", "emergency")


async def test_a_drained_node_is_safe_to_switch_off_once_nothing_is_only_there_and_stays_watched(
    group: Cluster,
) -> None:
    make_npz(group.fleet[NODE].training / "a.npz")
    make_npz(group.fleet["node-0"].training / "elsewhere.npz")
    async with engine_on(group, observe=True) as engine:
        await all_up(engine)
        await seen(engine, 1)
        preview = await engine.drain_preview(NODE)
        assert preview.files >= 1 and NODE not in preview.targets
        told = await engine.drain(NODE)
        assert "nothing new is placed there" in told.message
        assert (await engine.node_detail(NODE)).draining
        await engine.resume()
        await ended(engine, "done", "drain")
        view = await rescue_of(engine, NODE, "drain")
        assert view is not None and view.sentence.startswith(
            f"safe to switch off: nothing on {NODE} is only there; checked"
        )
        await engine.pause()
        make_npz(group.fleet[NODE].training / "later.npz")
        await engine.rescan((NODE,))

        async def unsafe_again() -> bool:
            view = await rescue_of(engine, NODE, "drain")
            return view is not None and view.sentence.startswith("not safe to switch off: 1 file")

        await until(engine, unsafe_again)
        await engine.resume()
        await ended(engine, "done", "drain")
    assert len(where(group, "later.npz")) > 1
    assert NODE not in where(group, "elsewhere.npz")


async def test_a_drain_outlives_a_restart_until_it_is_cancelled(group: Cluster) -> None:
    make_npz(group.fleet["node-0"].training / "a.npz")
    async with engine_on(group, observe=True) as engine:
        await all_up(engine)
        await engine.drain(NODE)
    async with engine_on(group, observe=True) as engine:
        assert (await engine.node_detail(NODE)).draining
        await all_up(engine)
        await seen(engine, 1, "node-0")
        assert all(NODE not in item.targets for item in (await engine.plan()).plans)
        await engine.drain_cancel(NODE)
        assert not (await engine.node_detail(NODE)).draining
        assert any(NODE in item.targets for item in (await engine.plan()).plans)
        view = await rescue_of(engine, NODE, "drain")
        assert view is not None and view.cancelled
