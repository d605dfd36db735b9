"""Keeping both while things go wrong: a node that does not answer, and kill -9 in the middle of it."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.samples import change_config
from tests.e2e.cluster import Cluster, cluster, integrity_of, kill, rows_of
from tests.execution.data import make_named_games

GAMES = "selfplay_hex8_2p.db"
KEY = f"games:{GAMES}@node-1"
KEPT = GAMES.replace(".db", ".kept-*.db")
ALL = ("transfers", "keep-both", "--all", "--yes")


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster whose box began anew: what was saved of the lost one blocks what it plays."""
    with cluster(tmp_path, nodes=3) as made:
        change_config(made, lambda document: document["data_plane"].update(manifest_refresh_interval="1s"))
        box = made.fleet[1].games
        make_named_games(box / GAMES, "lost", 300)
        assert made.run("--no-ui", "--once").returncode == 0
        for path in box.glob(f"{GAMES}*"):
            path.unlink()
        make_named_games(box / GAMES, "new", 20)
        assert "2 blocked" in made.run("--no-ui", "--once").stdout
        yield made


def saved(group: Cluster) -> list[Path]:
    return [path for path in group.copies_of(GAMES) if path != group.fleet[1].games / GAMES]


def both(path: Path) -> bool:
    """Return whether a place holds the new games under their name and the old ones under another."""
    if not path.exists() or rows_of(path) != 20:
        return False
    (kept,) = path.parent.glob(KEPT)
    assert (integrity_of(kept), rows_of(kept)) == ("ok", 300)
    return True


def until(group: Cluster, reached: Callable[[Any], bool], *arguments: str) -> None:
    """Ask the running engine until it is so; each question takes as long as starting the command."""
    last: Any = None
    for _ in range(400):
        last = group.json(*arguments)
        if reached(last):
            return
    raise AssertionError(last)


def asked(group: Cluster, *arguments: str) -> tuple[int, Any]:
    done = group.run(*arguments, "--json")
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_node_that_does_not_answer_is_told_and_done_later_while_the_rest_goes_on(group: Cluster) -> None:
    far = group.fleet[2]
    places = set(saved(group))
    (there,) = [path for path in places if far.root in path.parents]
    (near,) = places - {there}
    far.kill()
    code, result = asked(group, *ALL)
    assert code == 1
    assert [step["path"] for step in result["kept"]] == [str(near)]
    assert [(one["key"], one["node"]) for one in result["refused"]] == [(KEY, "node-2")]
    assert result["refused"][0]["reason"] and result["refused"][0]["remedy"]
    assert rows_of(there) == 300 and not list(there.parent.glob(KEPT))
    engine = group.start("--no-ui")
    try:
        until(group, lambda _: both(near), "status")
        far.start()
        until(group, lambda rows: any(_is_blocked(row) for row in rows), "transfers")
        code, result = asked(group, "transfers", "keep-both", KEY, "--node", "node-2", "--yes")
        assert (code, [step["path"] for step in result["kept"]]) == (0, [str(there)]), result
        until(group, lambda _: both(there), "status")
        until(group, lambda rows: not any(row["state"] == "blocked" for row in rows), "transfers")
        until(group, lambda status: not any("refused:" in one["id"] for one in status["findings"]), "status")
    finally:
        kill(engine)
    assert both(near) and both(there)


def _is_blocked(row: dict[str, Any]) -> bool:
    return row["state"] == "blocked" and row["target"] == "node-2" and row["key"] == KEY


@pytest.mark.parametrize("after", [1, 2])
def test_killed_when_some_copies_have_their_new_names_it_comes_to_the_same_afterwards(
    group: Cluster, after: int
) -> None:
    places = saved(group)
    keeping = group.start(*ALL)
    while keeping.poll() is None and len(group.copies_of(KEPT)) < after:
        with contextlib.suppress(subprocess.TimeoutExpired):
            keeping.wait(timeout=0.001)
    kill(keeping)
    assert len(group.copies_of(KEPT)) >= after
    group.run("--no-ui", "--once")
    code, _ = asked(group, *ALL)
    assert code == 0
    group.run("--no-ui", "--once")
    assert group.run("--no-ui", "--once").returncode == 0
    assert all(both(path) for path in places)
    entries = {entry["key"]: entry for entry in group.json("catalog", "ls")}
    (old,) = [entry for key, entry in entries.items() if ".kept-" in key]
    assert len(entries) == 2 and old["copies"] >= 2
    assert {copy["path"] for copy in old["replicas"]} == {str(path) for path in group.copies_of(KEPT)}
    assert {copy["state"] for copy in old["replicas"]} == {"current"}
