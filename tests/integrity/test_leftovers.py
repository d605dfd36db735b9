"""What other engines left, told from names and times alone."""

from __future__ import annotations

from engine.integrity.leftovers import Leftovers, left_by_others
from engine.remote.scan_types import FoundTemporary

NOW, DAY = 1_000_000.0, 86_400.0


def found(name: str, engine: str, days: float, location: str = "a") -> FoundTemporary:
    path = f"/data/.{name}.syncdeck-{engine}-89abcdef-1-0123456789ab.part"
    return FoundTemporary(location, "/data", path, NOW - days * DAY, 10)


def test_only_files_of_other_engines_that_rest_for_a_day_count_and_each_location_by_itself() -> None:
    files = [
        found("old", "0badcafe", 3),
        found("older", "0badcafe", 9),
        found("fresh", "0badcafe", 0.9),
        found("mine", "01234567", 9),
        found("there", "00000001", 2, "b"),
        FoundTemporary("a", "/data", "/data/.not-ours.part", 0.0, 10),
    ]
    assert left_by_others(files, "01234567", NOW) == (
        Leftovers("a", 2, 20, NOW - 9 * DAY),
        Leftovers("b", 1, 10, NOW - 2 * DAY),
    )
