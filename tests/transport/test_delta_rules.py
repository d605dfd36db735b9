"""When a page delta is worth its cost, and what its files are called: pure."""

from __future__ import annotations

import random

import pytest

from engine.execution.sweeping import left_over
from engine.integrity.deltas import delta_paths, hopeless, is_delta_part, worth_comparing, worth_sending
from engine.integrity.temporary import TemporaryNames, parse_temporary
from engine.remote.agent.paths import is_temporary

NAMES = TemporaryNames("0123abcd", "00000002")
MB = 1_000_000


def test_the_files_of_a_delta_lie_beside_what_they_are_made_of_under_names_of_ours() -> None:
    paths = delta_paths("/data/games.db", NAMES.part("/copy/games.db", 7, "a" * 64))
    assert paths is not None
    assert paths.at_source == "/data/.games.db.syncdeck-0123abcd-00000002-7-aaaaaaaaaaaad.part"
    assert paths.at_target == "/copy/.games.db.syncdeck-0123abcd-00000002-7-aaaaaaaaaaaad.part"
    assert paths.rebuilt == "/copy/.games.db.syncdeck-0123abcd-00000002-7-aaaaaaaaaaaar.part"
    for path in (paths.at_source, paths.at_target, paths.rebuilt):
        assert is_temporary(path.rpartition("/")[2])
        assert is_delta_part(path)


def test_the_delta_of_a_snapshot_is_named_after_its_database() -> None:
    snapshot = NAMES.snapshot("/data/games.db", 7, "b" * 64)
    paths = delta_paths(snapshot, NAMES.part("/copy/games.db", 7, "b" * 64))
    assert paths is not None
    assert paths.at_source == "/data/.games.db.syncdeck-0123abcd-00000002-7-bbbbbbbbbbbbd.part"


@pytest.mark.parametrize("name", ["x" * 255, "日" * 85, "a.syncdeck-0123abcd-00000002-7-x.db", "-rf"])
def test_no_name_is_too_long_or_leads_astray(name: str) -> None:
    for seed in range(20):
        transfer = random.Random(seed).randrange(1, 10**9)
        paths = delta_paths(f"/data/{name}", NAMES.part(f"/copy/{name}", transfer, "c" * 64))
        assert paths is not None
        for path in (paths.at_source, paths.at_target, paths.rebuilt):
            assert len(path.rpartition("/")[2].encode()) + len(".have~") <= 255
            found = parse_temporary(path)
            assert found is not None and found.transfer_id == transfer


@pytest.mark.parametrize("temp_path", ["/copy/games.db", "/copy/.games.db.part", NAMES.snapshot("/copy/g.db", 1, "d")])
def test_a_target_name_that_is_not_ours_gets_no_delta(temp_path: str) -> None:
    assert delta_paths("/data/games.db", temp_path) is None


def test_the_files_of_a_delta_are_left_alone_while_their_transfer_runs_and_swept_afterwards() -> None:
    part = NAMES.part("/copy/games.db", 7, "a" * 64)
    paths = delta_paths("/data/games.db", part)
    assert paths is not None
    files = [paths.at_source, paths.at_target, paths.rebuilt]
    assert left_over(files, NAMES, {part}) == []
    assert left_over(files, NAMES, {NAMES.part("/copy/games.db", 8, "a" * 64)}) == files
    assert left_over(files, NAMES, set()) == files
    assert left_over(files, TemporaryNames("0123abcd", "00000003"), {part}) == files
    assert left_over(files, TemporaryNames("ffffffff", "00000002"), set()) == []


@pytest.mark.parametrize(
    ("new", "old", "arrived", "worth"),
    [
        (350 * MB, 340 * MB, 0, True),
        (350 * MB, 900 * MB, 0, True),
        (350 * MB, 50 * MB, 0, False),
        (350 * MB, 340 * MB, 340 * MB, False),
        (200_000, 200_000, 0, False),
        (350 * MB, 0, 0, False),
    ],
)
def test_sizes_alone_may_tell_that_comparing_is_vain(new: int, old: int, arrived: int, worth: bool) -> None:
    assert worth_comparing(new, old, arrived) is worth


def test_a_delta_must_save_enough_of_what_did_not_arrive_yet() -> None:
    assert worth_sending(70 * MB - 1000, 100 * MB, 0, 1000)
    assert not worth_sending(70 * MB, 100 * MB, 0, 1000)
    assert not worth_sending(30 * MB, 100 * MB, 60 * MB, 0)
    assert worth_sending(0, 100 * MB, 0, 500_000)


def test_a_sample_gives_up_only_what_would_not_pay_either_way() -> None:
    assert hopeless(2048, 2048, 100 * MB, 100 * MB)
    assert not hopeless(int(2048 * 0.75), 2048, 100 * MB, 100 * MB)
    assert hopeless(1024, 2048, 100 * MB, 20 * MB)
    assert hopeless(0, 0, 100 * MB, 100 * MB)
