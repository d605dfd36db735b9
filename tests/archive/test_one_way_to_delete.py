"""There is one way in which a file of the users' own is deleted. Everything else removes names of ours."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
REMOVES = re.compile(r"\b(os\.(unlink|remove|rmdir|truncate)|shutil\.rmtree|\.unlink\()")
ASKS = re.compile(r"\.delete_proven\(")


def sources(*rooms: str) -> list[Path]:
    return [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]


def test_only_the_deleter_asks_for_a_deletion() -> None:
    asking = {path.relative_to(ROOT).as_posix() for path in sources("engine", "app") if ASKS.search(path.read_text())}
    assert asking == {"engine/archive/deleting.py"}


def test_on_a_node_only_names_of_ours_are_removed_but_for_the_proven_deletion() -> None:
    """Each of these removes temporary files, holes, sockets or scratch of ours, under names that it checks or makes."""
    removing = {
        path.stem for path in sources("engine/remote/agent") if REMOVES.search(path.read_text(encoding="utf-8"))
    }
    ours = {
        "batch_control",
        "batch_receiving",
        "batch_writing",
        "deleting",
        "fetching_file",
        "growing",
        "holes",
        "pages",
        "pages_copy",
        "pages_delta",
        "pages_new",
        "pages_old",
        "partial",
        "publishing",
        "receiving",
        "scratch",
        "serving",
        "snapshots",
    }
    assert removing <= ours, f"look at {sorted(removing - ours)}: do they remove anything but names of ours?"
    assert "deleting" in removing
