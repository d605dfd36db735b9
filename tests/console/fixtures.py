"""What the console's tests share: the scripted engine, the scenes, and looking at what is on the screen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from textual.pilot import Pilot

from app.console.screens.catalog import CatalogScreen
from app.console.staging.scenes import NOW, empty_view, failing_view, normal_view, scripted_client
from app.console.staging.scripted import ScriptedClient
from app.console.staging.stage import settle, staged_app
from engine.clock import ManualClock
from engine.errors import ErrorClass, SyncdeckError
from engine.views import StatusView
from engine.views_engine import EngineState

__all__ = [
    "NOW",
    "ScriptedClient",
    "advance",
    "catalog",
    "console",
    "empty_view",
    "failing_view",
    "normal_view",
    "observing_view",
    "press",
    "screen_text",
    "scripted_client",
    "settle",
    "staged_app",
    "told",
    "unreachable",
]  # fmt: skip


def observing_view() -> StatusView:
    """Return a fleet in trouble on an engine that only looks."""
    view = failing_view()
    return replace(view, running=(), queue=(("queued", 12),), engine=replace(view.engine, state=EngineState.OBSERVING))


def unreachable() -> SyncdeckError:
    """Return what a client raises when its engine is gone."""
    return SyncdeckError(
        "reach", "the engine", "the control socket is closed", "Start it again: syncdeck --no-ui",
        ErrorClass.TRANSIENT_NETWORK,
    )  # fmt: skip


def advance(pilot: Pilot[int], seconds: float) -> None:
    """Move the console's clock and let it look at the time, as its own timer does every second."""
    clock = pilot.app.clock  # type: ignore[attr-defined]
    assert isinstance(clock, ManualClock)
    clock.advance(seconds)
    pilot.app._tick()  # type: ignore[attr-defined]


def screen_text(pilot: Pilot[int]) -> str:
    """Return the characters on the terminal, one line each."""
    width = pilot.app.size.width
    lines = pilot.app.screen._compositor.render_strips()
    return "\n".join(strip.text.ljust(width)[:width] for strip in lines)


def told(pilot: Pilot[int]) -> str:
    """Return what the toasts that are up say."""
    return " ".join(notice.message for notice in pilot.app._notifications)


@asynccontextmanager
async def console(
    client: ScriptedClient, size: tuple[int, int] = (120, 40), read_only: bool = False, **more: object
) -> AsyncIterator[Pilot[int]]:
    """A settled console on a script."""
    app = staged_app(client, read_only=read_only, **more)  # type: ignore[arg-type]
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        yield pilot


async def press(pilot: Pilot[int], *keys: str) -> None:
    """Press keys, each when what the one before led to is shown."""
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


def catalog(pilot: Pilot[int]) -> CatalogScreen:
    """Return the catalog, which is on the screen."""
    screen = pilot.app.console_screen  # type: ignore[attr-defined]
    assert isinstance(screen, CatalogScreen)
    return screen


async def until_told(pilot: Pilot[int], text: str) -> None:
    """Wait until a dialog tells something: of what goes on and on, which never settles."""
    for _ in range(100):
        if text in screen_text(pilot):
            return
        await pilot.pause(0.05)
    raise AssertionError(f"{text} is not told:\n{screen_text(pilot)}")
