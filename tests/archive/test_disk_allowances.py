"""A disk limit raised for a time: it lets the planner fill a disk, runs out by itself, and is written down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.archive.allowances import DiskAllowances
from engine.clock import ManualClock
from engine.errors import SyncdeckError
from engine.inventory.fleet import Fleet, LocationStatus
from engine.model import LocationState
from engine.planner.planner import PlanContext, SyncPlanner
from engine.presentation.nodes import storage_views
from engine.store.store import Store
from tests.planner.worlds import GB, entry, node, policy, replica

HOUR = 3600.0


@dataclass
class Setting:
    """A fleet of two, b-1 three quarters full."""

    clock: ManualClock
    store: Store
    fleet: Fleet = field(default_factory=lambda: Fleet(policy([node("a-1"), node("b-1")], target=2), "a-1"))
    audit: list[tuple[str, str, str]] = field(default_factory=list)

    def allowances(self) -> DiskAllowances:
        made = DiskAllowances(self.store, self.fleet, self.clock, self._note)
        self.fleet.disk_allowed = made.percent_of
        return made

    async def _note(self, action: str, subject: str, detail: str) -> None:
        self.audit.append((action, subject, detail))

    def planned(self) -> tuple[list[str], list[str]]:
        """Return where a set would be copied to, and what is refused for lack of room."""
        for name in ("a-1", "b-1"):
            self.fleet.node_up(name, self.clock.now())
            self.fleet.locations[name] = LocationStatus(LocationState.AVAILABLE, "/data", 1000 * GB, 750 * GB)
        context = PlanContext(self.fleet.policy, dict(self.fleet.location_views()), self.clock.now())
        result = SyncPlanner().plan_replication([entry("x.npz", replica("a-1", size=GB), size=GB)], context)
        return [target for plan in result.plans for target in plan.targets], [r.code for r in result.refused]


@pytest.fixture
async def setting(tmp_path: Path) -> AsyncIterator[Setting]:
    store = await Store.open(tmp_path / "state.db")
    yield Setting(ManualClock(), store)
    await store.close()


async def test_an_allowance_lets_the_planner_fill_a_disk_and_runs_out_by_itself(setting: Setting) -> None:
    allowances = setting.allowances()
    targets, refused = setting.planned()
    assert targets == [] and len(refused) == 1
    await allowances.allow("b-1", 90.0, 6 * HOUR)
    assert allowances.all() == (("b-1", 90.0, setting.clock.now() + 6 * HOUR),)
    assert setting.planned() == (["b-1"], [])
    setting.clock.advance(6 * HOUR - 1)
    assert setting.planned() == (["b-1"], [])
    setting.clock.advance(1)
    assert (setting.planned(), allowances.all()) == (([], refused), ())


async def test_the_disk_is_shown_with_the_limit_that_holds_now(setting: Setting) -> None:
    def shown() -> tuple[float, str]:
        view = next(view for view in storage_views(setting.fleet, {}) if view.location == "b-1")
        return view.max_percent, view.state

    allowances = setting.allowances()
    setting.planned()
    assert shown() == (70.0, "over-max")
    await allowances.allow("b-1", 90.0, HOUR)
    assert shown() == (90.0, "over-target")
    setting.clock.advance(HOUR)
    assert shown() == (70.0, "over-max")


async def test_it_is_kept_over_a_restart_taken_back_and_written_down(setting: Setting) -> None:
    await setting.allowances().allow("b-1", 90.0, HOUR)
    again = setting.allowances()
    await again.restore()
    assert again.percent_of("b-1") == 90.0
    await again.allow("b-1", 1.0, 0.0)
    assert (again.percent_of("b-1"), setting.planned()[0]) == (None, [])
    assert setting.audit == [
        ("disk allow", "b-1", "b-1: disks may be filled to 90 % for 60 min"),
        ("disk allow", "b-1", "b-1: the file's limit counts again"),
    ]


@pytest.mark.parametrize(
    ("name", "percent", "seconds"), [("nobody", 90, 1), ("b-1", 100, 1), ("b-1", 0, 1), ("b-1", 70, 1)]
)
async def test_what_cannot_be_meant_is_refused(setting: Setting, name: str, percent: float, seconds: float) -> None:
    with pytest.raises(SyncdeckError):
        await setting.allowances().allow(name, percent, seconds)
    assert setting.audit == []
