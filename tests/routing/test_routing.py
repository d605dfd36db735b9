"""Where files belong, by which rule and line, and how copies are counted and chosen."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.types import DataType, RuleMatch, RulePlace, RuleSpec
from engine.errors import SyncdeckError
from engine.model import LocationState, NodeState, ReplicaState
from engine.routing.choosing import Option, choose
from engine.routing.matching import matches
from engine.routing.offsite import OffSite, off_site
from engine.routing.placement import Placement
from engine.routing.router import Router, wanted
from tests.planner.worlds import GB, NOW, entry, node, policy, replica, views

NODES = [
    node("hub", coordinator=True, drives=["/Volumes/Data"], line=10),
    node("lambda-1", training=True, gpu=True, line=20, region="us-east"),
    node("lambda-2", gpu=True, line=30),
    node("nebius-1", line=40, region="eu-north"),
    node("hetzner-1", line=50),
    node("vast-1", ephemeral=True, gpu=True, line=60),
    node("old-1", status="retired", line=70),
]
FLEET = policy(NODES, refuses={"hetzner-1": [DataType.GAMES, DataType.NPZ]})
VIEWS = views(FLEET)
DRIVE = "hub:/Volumes/Data"


def _wanted(placement: Placement) -> set[str]:
    return {slot.location for slot in placement.wanted}


def _slot(placement: Placement, location: str) -> tuple[bool, bool, str, int | None]:
    slot = next(slot for slot in placement.slots if slot.location == location)
    return slot.wanted, slot.held, slot.because, slot.line


def test_games_go_to_every_drive_to_trainers_and_to_enough_durable_nodes() -> None:
    found = wanted(entry("x.db", replica("vast-1"), origin="vast-1"), FLEET, VIEWS, NOW)
    assert {DRIVE, "lambda-1"} < _wanted(found)
    assert len({loc for loc in _wanted(found) if VIEWS[loc].durable}) == 3
    assert found.copies_wanted == 3
    assert found.copies_counted == 0


def test_a_coordinator_receives_games_on_its_drive_only() -> None:
    found = wanted(entry("x.db", replica("lambda-1"), origin="lambda-1"), FLEET, VIEWS, NOW)
    assert _slot(found, "hub")[:2] == (False, False)
    assert _slot(found, DRIVE)[0]


def test_excluded_and_retired_hosts_are_never_wanted_and_say_the_line() -> None:
    found = wanted(entry("x.db", replica("lambda-1"), origin="lambda-1"), FLEET, VIEWS, NOW)
    assert _slot(found, "hetzner-1") == (False, False, "excluded", 7)
    assert not _slot(found, "old-1")[0]


def test_models_go_to_every_gpu_node_even_an_ephemeral_one() -> None:
    found = wanted(entry("m.pth", replica("lambda-1"), data_type=DataType.MODELS), FLEET, VIEWS, NOW)
    assert {DRIVE, "lambda-1", "lambda-2", "vast-1"} <= _wanted(found)


def test_a_drive_and_durable_trainers_count_as_copies_and_ephemeral_nodes_do_not() -> None:
    made = entry("a.npz", replica(DRIVE), replica("lambda-1"), replica("vast-1"))
    found = wanted(made, FLEET, VIEWS, NOW)
    assert (found.copies_counted, found.shortage) == (2, 1)


def test_an_excluded_origin_counts_with_the_file_that_it_writes_itself() -> None:
    made = entry("x.db", replica("hetzner-1", ReplicaState.UNHASHED), origin="hetzner-1", sha=None)
    found = wanted(made, FLEET, VIEWS, NOW)
    assert found.counting == {"hetzner-1"}
    assert _slot(found, "hetzner-1")[:2] == (False, True)


@pytest.mark.parametrize("state", sorted(set(ReplicaState) - {ReplicaState.CURRENT, ReplicaState.ARCHIVED}))
def test_only_current_copies_count(state: ReplicaState) -> None:
    made = entry("a.npz", replica("lambda-1"), replica("lambda-2", state))
    assert wanted(made, FLEET, VIEWS, NOW).copies_counted == 1


def test_an_archive_of_the_current_version_counts_as_the_copy_that_it_holds() -> None:
    archived = replica("lambda-2", ReplicaState.ARCHIVED)
    assert wanted(entry("a.npz", replica("lambda-1"), archived), FLEET, VIEWS, NOW).copies_counted == 2
    old = dataclasses.replace(archived, sha256="f" * 64)
    assert wanted(entry("a.npz", replica("lambda-1"), old), FLEET, VIEWS, NOW).copies_counted == 1


def test_copies_that_are_there_are_kept_rather_than_moved() -> None:
    made = entry("c.ckpt", replica("lambda-2"), replica("hetzner-1"), replica(DRIVE), data_type=DataType.CHECKPOINT)
    found = wanted(made, FLEET, VIEWS, NOW)
    assert _wanted(found) == {"lambda-2", "hetzner-1", DRIVE}
    assert found.missing == ()


@pytest.mark.parametrize(
    "change",
    [
        {"node_state": NodeState.TIMED_OUT},
        {"state": LocationState.NOT_MOUNTED},
        {"paused": True},
        {"failing": True},
        {"used_bytes": 700 * GB},
    ],
)
def test_a_copy_is_placed_where_it_can_go_now(change: dict[str, object]) -> None:
    made = entry("c.ckpt", replica(DRIVE), data_type=DataType.CHECKPOINT)
    first = next(iter(sorted(_wanted(wanted(made, FLEET, VIEWS, NOW)) - {DRIVE})))
    found = wanted(made, FLEET, views(FLEET, **{first: change}), NOW)
    assert first not in _wanted(found)
    assert len(_wanted(found)) == 3


def test_a_copy_on_its_way_stays_chosen_when_free_space_changes() -> None:
    made = entry("c.ckpt", replica(DRIVE), data_type=DataType.CHECKPOINT)
    for way in ("lambda-1", "lambda-2", "nebius-1", "hetzner-1"):
        assert way in _wanted(Router(FLEET, VIEWS).route(made, NOW, frozenset({way})))


def test_a_surplus_copy_is_neither_wanted_nor_refreshed() -> None:
    copies = [replica(loc) for loc in (DRIVE, "lambda-1", "lambda-2", "nebius-1", "hetzner-1")]
    found = wanted(entry("c.ckpt", *copies, data_type=DataType.CHECKPOINT), FLEET, VIEWS, NOW)
    assert (len(_wanted(found)), found.missing, found.copies_counted) == (3, (), 5)


def test_a_place_with_an_earlier_version_is_kept_when_the_content_changes() -> None:
    for stale in ("lambda-2", "nebius-1", "hetzner-1"):
        made = entry("c.ckpt", replica("lambda-1"), replica(stale, ReplicaState.STALE), data_type=DataType.CHECKPOINT)
        assert stale in _wanted(wanted(made, FLEET, VIEWS, NOW))


def test_copies_spread_over_providers_before_they_double_up() -> None:
    for number in range(20):
        made = entry(f"{number}.ckpt", replica("lambda-1"), data_type=DataType.CHECKPOINT)
        chosen = _wanted(wanted(made, FLEET, VIEWS, NOW))
        providers = Counter(VIEWS[loc].provider for loc in chosen)
        assert max(providers.values()) == 1


def test_copies_spread_over_the_nodes_of_one_provider() -> None:
    fleet = policy([node(f"lambda-{i}") for i in range(10)])
    router = Router(fleet, views(fleet))
    counts: Counter[str] = Counter()
    for number in range(1000):
        counts.update(_wanted(router.route(entry(f"{number}.ckpt", data_type=DataType.CHECKPOINT), NOW)))
    assert sum(counts.values()) == 3000
    assert min(counts.values()) > 200
    assert max(counts.values()) < 400


def test_the_first_rule_of_the_file_that_matches_decides_with_its_line() -> None:
    rule = RuleSpec("eu", RuleMatch(frozenset({DataType.NPZ}), config_key="hex8*"),
                    (RulePlace("node=nebius-1", None),), line=99)  # fmt: skip
    fleet = policy(NODES, rules=[rule])
    found = wanted(entry("a.npz", replica("lambda-1")), fleet, VIEWS, NOW)
    assert (found.rule, found.line, _wanted(found)) == ("eu", 99, {"nebius-1"})
    assert _slot(found, "nebius-1") == (True, False, "rule eu: node=nebius-1", 99)
    other = wanted(entry("b.npz", replica("lambda-1"), config_key="square8_2p"), fleet, VIEWS, NOW)
    assert other.rule == "built-in:npz"


def test_a_rule_for_ephemeral_nodes_alone_counts_them() -> None:
    rule = RuleSpec("warm", RuleMatch(), (RulePlace("ephemeral", 1),), line=5)
    found = wanted(entry("a.npz", replica("lambda-1")), policy(NODES, rules=[rule]), VIEWS, NOW)
    assert _wanted(found) == {"vast-1"}


def test_copies_elsewhere_do_not_stand_in_for_copies_that_a_selector_asks_for() -> None:
    rule = RuleSpec("eu", RuleMatch(), (RulePlace("provider=nebius", 1),), line=5)
    made = entry("a.npz", replica("lambda-1"), replica("lambda-2"))
    assert _wanted(wanted(made, policy(NODES, rules=[rule]), VIEWS, NOW)) == {"nebius-1"}


def test_places_of_one_rule_are_a_union_and_share_their_copies() -> None:
    rule = RuleSpec("u", RuleMatch(), (RulePlace("node=lambda-2", None), RulePlace("durable", 2)), line=5)
    found = wanted(entry("a.npz", replica("vast-1")), policy(NODES, rules=[rule]), VIEWS, NOW)
    assert "lambda-2" in _wanted(found)
    assert len(_wanted(found)) == 2


def test_a_selector_that_cannot_be_read_names_its_rule_and_line() -> None:
    rule = RuleSpec("broken", RuleMatch(), (RulePlace("role=(", None),), line=12)
    with pytest.raises(SyncdeckError) as caught:
        wanted(entry("a.npz", replica("lambda-1")), policy(NODES, rules=[rule]), VIEWS, NOW)
    assert "broken in line 12" in caught.value.remedy


@pytest.mark.parametrize(
    ("match", "holds"),
    [
        (RuleMatch(), True),
        (RuleMatch(frozenset({DataType.MODELS})), False),
        (RuleMatch(config_key="hex8_*"), True),
        (RuleMatch(config_key="HEX8_*"), True),
        (RuleMatch(config_key="square*"), False),
        (RuleMatch(path="*.npz"), True),
        (RuleMatch(path="b*"), False),
        (RuleMatch(path="*.NPZ"), False),
        (RuleMatch(min_size_bytes=1000), True),
        (RuleMatch(min_size_bytes=1001), False),
        (RuleMatch(max_size_bytes=999), False),
        (RuleMatch(min_age_seconds=3600), True),
        (RuleMatch(min_age_seconds=3601), False),
        (RuleMatch(max_age_seconds=3599), False),
        (RuleMatch(region="us-*"), True),
        (RuleMatch(region="US-*"), True),
        (RuleMatch(region="eu-*"), False),
    ],
)
def test_a_rule_matches_only_when_every_condition_holds(match: RuleMatch, holds: bool) -> None:
    made = entry("a.npz", replica("lambda-1"))
    assert matches(match, made, FLEET.nodes, NOW) is holds


def test_without_any_rule_nothing_is_wanted_and_it_says_so() -> None:
    bare = dataclasses.replace(FLEET, rules=())
    found = wanted(entry("a.npz", replica("lambda-1")), bare, VIEWS, NOW)
    assert not found.wanted
    assert _slot(found, "lambda-2")[2] == "no rule matches this file"


def test_a_verified_copy_at_another_provider_is_off_site() -> None:
    made = entry("x.db", replica("lambda-1"), replica("nebius-1"), origin="lambda-1")
    assert off_site(made, FLEET, VIEWS) is OffSite.YES
    unverified = dataclasses.replace(made, replicas=(made.replicas[0], replica("nebius-1", hashed_at=None)))
    assert off_site(unverified, FLEET, VIEWS) is OffSite.NO
    near = entry("x.db", replica("lambda-1"), replica("lambda-2"), replica("vast-1"), origin="lambda-1")
    assert off_site(near, FLEET, VIEWS) is OffSite.NO


def test_a_fleet_of_one_provider_has_no_off_site_to_wait_for() -> None:
    fleet = policy([node("lambda-1"), node("lambda-2"), node("vast-1", ephemeral=True)])
    made = entry("x.db", replica("lambda-1"), origin="lambda-1")
    assert off_site(made, fleet, views(fleet)) is OffSite.NOT_CONFIGURED


@given(st.integers(0, 12), st.integers(0, 6), st.text(min_size=1, max_size=8))
def test_choosing_is_deterministic_and_never_picks_twice(size: int, count: int, key: str) -> None:
    options = [Option(f"n{i}", f"p{i % 3}", i % 4 != 0, i % 5 == 0, i * GB or None) for i in range(size)]
    chosen = choose(options, count, key, frozenset())
    assert chosen == choose(list(reversed(options)), count, key, frozenset())
    assert len(chosen) == len(set(chosen)) == min(size, count)


@given(st.text(min_size=1, max_size=8))
def test_losing_a_place_moves_only_the_copies_that_were_there(key: str) -> None:
    options = [Option(f"n{i}", "p", True, False, 500 * GB) for i in range(8)]
    before = choose(options, 3, key, frozenset())
    after = choose([o for o in options if o.location != before[0]], 3, key, frozenset())
    assert set(before[1:]) <= set(after)
