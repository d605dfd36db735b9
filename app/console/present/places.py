"""What a place is called everywhere: as the label of its disk is, never by the whole path of a drive. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from engine.views import StatusView
from widgets.text import plain

PlaceNames = Mapping[str, str]
"""Labels by location: ``mac-studio:drive`` for ``mac-studio:/Volumes/Data``."""

LONGEST_PATH = 20
LONGEST_NAME = 60


def place_names(view: StatusView | None) -> PlaceNames:
    """Return the labels of all places that have one."""
    return {item.location: item.label for item in view.storage if item.label} if view is not None else {}


def place_text(location: str, names: PlaceNames) -> str:
    """Return the label of a place; of one that has none its name, a long path cut to its last part."""
    label = names.get(location)
    if label is not None:
        return plain(label, LONGEST_NAME)
    node, _, path = plain(location).partition(":")
    if len(path) <= LONGEST_PATH:
        return plain(location, LONGEST_NAME)
    last = path.rstrip("/").rpartition("/")[2]
    return f"{node}:…/{last}"[:LONGEST_NAME]
