"""What fills the drives, as a tree of which only the opened folders are known."""

from __future__ import annotations

from collections.abc import Mapping

from app.console.present.units import bytes_text, used_text
from engine.views import StatusView, StorageView
from engine.views_archive import UsageRow, UsageView
from widgets.text import Tone, plain
from widgets.usage_tree import UsageModel, UsageNode

Place = tuple[str, str]
"""A location and a path below its root ("" is the root itself)."""

_WORDS = (
    ("catalogued", Tone.ACCENT),
    ("archived", Tone.GOOD),
    ("unknown", Tone.WARN),
    ("leftover", Tone.BAD),
)


def place_key(place: Place) -> str:
    """Return the key of a place in the tree."""
    return f"{place[0]}\n{place[1]}"


def place_of(key: str) -> Place:
    """Return the place behind a key."""
    location, _, path = key.partition("\n")
    return location, path


def usage_model(view: StatusView, opened: Mapping[Place, UsageView | None]) -> UsageModel:
    """Return the tree: drives and disks, fullest first, and what is known of the opened folders (None: asked for)."""
    nodes: list[UsageNode] = []
    for item in sorted(view.storage, key=_order):
        place = (item.location, "")
        nodes.append(_root(item, opened.get(place), place in opened))
        _below(nodes, place, opened, 1)
    return UsageModel(tuple(nodes))


def _order(item: StorageView) -> tuple[bool, int, str]:
    return item.location == item.node, -round(item.used_percent or 0.0), item.location


def _parts(row: UsageRow) -> tuple[int, int, int, int]:
    return row.catalogued_bytes, row.archive_bytes, row.other_bytes, row.leftover_bytes


def _root(item: StorageView, known: UsageView | None, is_open: bool) -> UsageNode:
    rows = known.rows if known is not None else ()
    sums = tuple(sum(part) for part in zip(*map(_parts, rows), strict=True)) if rows else (0, 0, 0, 0)
    over = item.used_percent is not None and item.used_percent >= item.target_percent
    percent = "not measured" if item.used_percent is None else f"{item.used_percent:.0f} %"
    used = "" if item.used_bytes is None or item.total_bytes is None else used_text(item.used_bytes, item.total_bytes)
    return UsageNode(
        place_key((item.location, "")), 0, plain(item.label or item.location, 80), used, sums, True, is_open,
        f"! {percent}" if over else percent, Tone.WARN if over else Tone.MUTED, item.used_percent,
    )  # fmt: skip


def _below(nodes: list[UsageNode], place: Place, opened: Mapping[Place, UsageView | None], depth: int) -> None:
    if place not in opened:
        return
    view = opened[place]
    if view is None or not view.rows:
        words = "looking" if view is None else "nothing is here"
        nodes.append(UsageNode(None, depth, words, "", (0, 0, 0, 0), False, False, "", Tone.MUTED))
        return
    for row in view.rows:
        inner = (place[0], row.path)
        word, tone = _word(row)
        name = plain(row.path.rsplit("/", 1)[-1] or row.path, 80)
        nodes.append(
            UsageNode(
                place_key(inner), depth, name, bytes_text(row.bytes), _parts(row), row.folders > 0,
                inner in opened, word, tone,
            )
        )  # fmt: skip
        _below(nodes, inner, opened, depth + 1)


def _word(row: UsageRow) -> tuple[str, Tone]:
    """Return what most of it is; what is unknown or left over is named as soon as it is a tenth."""
    parts = _parts(row)
    total = row.bytes or 1
    worst = max((3, 2), key=lambda index: parts[index])
    index = worst if parts[worst] * 10 >= total else max(range(4), key=lambda at: parts[at])
    word, tone = _WORDS[index]
    return word, tone if index >= 2 else Tone.MUTED
