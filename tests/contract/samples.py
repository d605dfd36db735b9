"""Small true files for the contract's tests, and waiting for what the real program says."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.cluster import Cluster


def make_games(path: Path, rows: int = 1) -> None:
    """Write a games database in rollback mode."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE games (game_id INTEGER PRIMARY KEY, moves TEXT)")
        connection.executemany("INSERT INTO games (moves) VALUES (?)", [("e4",)] * rows)
        connection.commit()


def change_config(group: Cluster, change: Callable[[dict[str, Any]], object]) -> None:
    """Rewrite the configuration file after ``change`` has edited its data in place."""
    document = yaml.safe_load(group.config.read_text(encoding="utf-8"))
    change(document)
    group.config.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def until(check: Callable[[], Any]) -> Any:
    """Ask the program again and again until the answer is true; the test's own time limit ends a vain wait."""
    pause = threading.Event()
    while not (found := check()):
        pause.wait(0.02)
    return found


def below(group: Cluster, pattern: str) -> list[str]:
    """Return the files of that name, relative to the cluster's folder, without the agents' caches."""
    found = (path.relative_to(group.folder).as_posix() for path in group.copies_of(pattern))
    return [path for path in found if not path.startswith("state/") and "/.cache/" not in path]


def replica_states(group: Cluster, key: str) -> dict[str, str]:
    """Return the state of every copy of an entry by its node."""
    (entry,) = group.json("catalog", "where", key)
    return {replica["node"]: replica["state"] for replica in entry["replicas"]}
