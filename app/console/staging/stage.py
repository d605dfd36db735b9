"""A console on a scripted engine that waits until everything is shown: for pictures and tests."""

from __future__ import annotations

from textual.pilot import Pilot

from app.console.app import SyncdeckApp
from app.console.staging.scenes import NOW
from app.console.staging.scripted import ScriptedClient
from app.console.themes import DARK
from engine.clock import ManualClock

MOST_LOOKS = 2000


def staged_app(
    client: ScriptedClient, theme: str = DARK, read_only: bool = False, keymap: dict[str, str] | None = None
) -> SyncdeckApp:
    """Return a console that follows its script without delay, at the scene's time."""
    clock = ManualClock(NOW)
    return SyncdeckApp(client, clock, read_only, theme=theme, keymap=keymap, feed_seconds=0.0, list_seconds=0.0)


async def settle(pilot: Pilot[int]) -> None:
    """Wait until the console shows the newest state; raises TimeoutError when it never does."""
    app = pilot.app
    assert isinstance(app, SyncdeckApp)
    quiet = 0
    for _ in range(MOST_LOOKS):
        await pilot.pause()
        shown = _is_current(app) and getattr(app.screen, "settled", True) and not _acting(app)
        quiet = quiet + 1 if shown else 0
        if quiet >= 2:
            return
    raise TimeoutError(f"{app.screen} did not settle")


def _is_current(app: SyncdeckApp) -> bool:
    """Return whether the console knows what its script says by now."""
    assert isinstance(app.client, ScriptedClient)
    if app.feed.paused:
        return True
    if app.client.is_failing:
        return bool(app.state.error)
    return app.state.view is app.client.view and not app.state.error


def _acting(app: SyncdeckApp) -> bool:
    """Return whether an action still waits for the engine (one that waits for a dialog does not count)."""
    waits_for_dialog = len(app.screen_stack) > 1
    return not waits_for_dialog and any(worker.group == "act" and worker.is_running for worker in app.workers)
