"""``nodes leftovers`` against real OpenSSH servers: what a lost engine left goes when told to, and nothing else."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.store.peek import ENGINE_ID, STORE_NAME
from engine.store.store import Store
from tests.cli.conftest import Answer
from tests.fleet import Fleet, openssh_fleet

Syncdeck = Callable[..., Answer]
DAY = 86_400
LOST, OWN = "0badcafe", "01234567"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with openssh_fleet(tmp_path_factory.mktemp("leftovers"), count=2) as running:
        yield running


@pytest.fixture
def options(fleet: Fleet, tmp_path: Path) -> Iterator[tuple[str, ...]]:
    async def remember() -> None:
        store = await Store.open(tmp_path / "state" / STORE_NAME)
        await store.meta_set(ENGINE_ID, OWN)
        await store.close()

    asyncio.run(remember())
    yield "--config", str(fleet.write_hosts(tmp_path / "hosts.yaml")), "--state", str(tmp_path / "state")
    for node in fleet.nodes:
        for path in node.root.rglob(".*syncdeck*"):
            path.unlink()


def left(fleet: Fleet, name: str, days: float, engine: str = LOST) -> Path:
    """Make a temporary file that was touched so many days ago."""
    path = fleet["node-1"].training / f".{name}.syncdeck-{engine}-89abcdef-1-0123456789ab.part"
    path.write_bytes(bytes(1_000))
    os.utime(path, (time.time() - days * DAY,) * 2)
    return path


def listed(answer: Answer) -> dict[str, dict[str, object]]:
    return {Path(str(one["path"])).name.split(".")[1]: one for one in json.loads(answer.out)}


def test_what_a_lost_engine_left_is_listed_with_size_and_age(
    fleet: Fleet, options: tuple[str, ...], syncdeck: Syncdeck
) -> None:
    left(fleet, "old", 9)
    left(fleet, "fresh", 0.5)
    left(fleet, "mine", 9, OWN)
    answer = syncdeck(*options, "nodes", "leftovers", "--json")
    found = listed(answer)
    assert answer.code == 0 and list(found) == ["old"]
    assert found["old"]["size_bytes"] == 1_000 and found["old"]["engine"] == LOST and found["old"]["node"] == "node-1"
    assert 9 * DAY <= float(str(found["old"]["age_seconds"])) < 10 * DAY and found["old"]["removed"] is None


def test_a_running_engine_tells_of_them_and_leaves_them_alone(
    fleet: Fleet, options: tuple[str, ...], syncdeck: Syncdeck
) -> None:
    old, fresh = left(fleet, "old", 9), left(fleet, "fresh", 0.5)
    answer = syncdeck(*options, "--no-ui", "--once")
    assert "node-1: 1 temporary file of another engine" in answer.out + answer.err
    assert old.exists() and fresh.exists()


def test_only_what_is_old_enough_and_in_nobodys_hands_is_removed(
    fleet: Fleet, options: tuple[str, ...], syncdeck: Syncdeck
) -> None:
    old, younger, mine = left(fleet, "old", 9), left(fleet, "younger", 3), left(fleet, "mine", 9, OWN)
    read, resumed = left(fleet, "read", 9), left(fleet, "resumed", 9)
    holes = Path(f"{old}.have")
    holes.write_bytes(b"{}")
    os.utime(holes, (time.time() - 9 * DAY,) * 2)
    Path(f"{resumed}.have").write_bytes(b"{}")
    data = fleet["node-1"].training / "data.npz"
    data.write_bytes(b"data")
    os.utime(data, (time.time() - 90 * DAY,) * 2)
    words = ("nodes", "leftovers", "node-1", "--older-than", "7d", "--remove", "--yes", "--json")
    with open(read, "rb") as reader:
        fcntl.flock(reader, fcntl.LOCK_EX)
        answer = syncdeck(*options, *words)
    found = listed(answer)
    assert answer.code == 1 and found["old"]["removed"] is True
    assert found["read"]["removed"] is False and "process" in str(found["read"]["reason"])
    assert found["resumed"]["removed"] is False and found["resumed"]["reason"] == "it was touched since"
    assert not old.exists() and not holes.exists()
    assert all(path.exists() for path in (younger, mine, read, resumed, data))
    log = Path(options[3]) / "audit.jsonl"
    assert [json.loads(line)["path"] for line in log.read_text().splitlines()] == [str(old)]


@pytest.mark.parametrize(
    "words",
    [("--remove", "--yes"), ("--remove", "--yes", "--older-than", "2h"), ("--remove", "--older-than", "7d")],
    ids=["no age", "too young", "nobody to ask"],
)
def test_nothing_is_removed_without_an_age_and_a_yes(
    fleet: Fleet, options: tuple[str, ...], syncdeck: Syncdeck, words: tuple[str, ...]
) -> None:
    old = left(fleet, "old", 9)
    assert syncdeck(*options, "nodes", "leftovers", *words).code not in (0, 1)
    assert old.exists()


def test_read_only_removes_nothing(fleet: Fleet, options: tuple[str, ...], syncdeck: Syncdeck) -> None:
    old = left(fleet, "old", 9)
    words = ("nodes", "leftovers", "--older-than", "7d", "--remove", "--yes")
    assert syncdeck("--read-only", *options, *words).code not in (0, 1)
    assert old.exists()
