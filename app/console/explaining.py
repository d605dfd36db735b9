"""Why is this file (not) there: a file, a node, and every line that had a say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.console.modals.detail import DetailScreen
from app.console.modals.pick import Options, PickScreen
from app.console.present.places import PlaceNames, place_text
from app.console.present.routing import explain_lines
from app.console.present.units import bytes_text
from engine.views import CatalogQuery, PlacementView
from widgets.text import Line, Span, Tone, plain

if TYPE_CHECKING:
    from app.console.app import SyncdeckApp

MOST_OFFERED = 50


async def explain(console: SyncdeckApp, key: str | None = None, node: str | None = None) -> None:
    """Ask for what is not known yet, the file and the place (also which one of a node with several), and show why."""
    if key is None:
        key = await console.push_screen_wait(
            PickScreen(
                "Explain a file", "Type a part of its name.", lambda text: _files(console, text), "hex8_2p, merged, …"
            )
        )
    if key is None:
        return
    chosen = key
    words = f"Why is {plain(chosen, 120)}, or is it not, at …"
    place = node if node is not None and len(_places_of(console, node)) < 2 else None
    if place is None:
        place = await console.push_screen_wait(
            PickScreen("At which place?", words, lambda _: _places(console, chosen, node))
        )
    if place is None:
        return
    view = await console.ask(console.client.explain(chosen, place))
    if view is not None:
        lines = explain_lines(view, console.state.names)
        screen = DetailScreen(lambda: lines)
        screen.TITLE_TEXT = "Why"
        console.push_screen(screen)


async def _files(console: SyncdeckApp, text: str) -> Options:
    window = await console.client.catalog_window(CatalogQuery(text=text), 0, MOST_OFFERED)
    return [
        (row.key, (Span(f"{bytes_text(row.size_bytes):>8}  ", Tone.MUTED), Span(plain(row.key)))) for row in window.rows
    ]


def _places_of(console: SyncdeckApp, node: str) -> list[str]:
    view = console.state.view
    return [item.location for item in view.storage if item.node == node] if view is not None else []


async def _places(console: SyncdeckApp, key: str, node: str | None = None) -> Options:
    detail = await console.client.entry(key)
    placements = detail.placements if detail is not None else ()
    options = [(item.location, _place_line(item, console.state.names)) for item in placements]
    known = {item.location for item in placements}
    view = console.state.view
    others = [item.location for item in view.storage if item.location not in known] if view is not None else []
    every = [*options, *((name, _other(name, console.state.names)) for name in others)]
    ours = None if node is None else _places_of(console, node)
    return [option for option in every if ours is None or option[0] in ours]


def _place_line(item: PlacementView, names: PlaceNames) -> Line:
    place = Span(f"{place_text(item.location, names)}  ")
    if item.blocked:
        return Span("✗ ", Tone.BAD), place, Span("blocked", Tone.BAD)
    if item.wanted and not item.held:
        return Span("! ", Tone.WARN), place, Span("wanted, missing", Tone.WARN)
    words = "wanted, held" if item.wanted else "held, not wanted" if item.held else "not wanted"
    tone = Tone.GOOD if item.wanted else Tone.MUTED
    return Span("✓ " if item.wanted else "· ", tone), place, Span(words, tone)


def _other(name: str, names: PlaceNames) -> Line:
    return Span("· ", Tone.MUTED), Span(place_text(name, names), Tone.MUTED)
