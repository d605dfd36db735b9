"""The tree of drives on the archive's screen: asks for the folders that are opened, and again while things change."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual import on
from textual.message import Message

from app.console.present.archive_usage import Place, place_of, usage_model
from engine.views import StatusView
from engine.views_archive import UsageView
from widgets.usage_tree import UsageTree

if TYPE_CHECKING:
    from app.console.app import SyncdeckApp

USAGE_SECONDS = 60.0
"""How often opened folders are asked for again while the engine tells of changes; it looks every few minutes."""
LOADING = "usage"
"""The group of the workers that ask."""


class DriveTree(UsageTree):
    """Every disk of the state at once, and what is known of the folders that are open."""

    class Narrowed(Message):
        """Only what lies at this location is of interest; None: at all of them."""

        def __init__(self, location: str | None) -> None:
            super().__init__()
            self.location = location

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._opened: dict[Place, UsageView | None] = {}
        self._asked_at = float("-inf")

    @property
    def console(self) -> SyncdeckApp:
        """The app, by its own type."""
        return cast("SyncdeckApp", self.app)

    def look(self) -> None:
        """Show the disks of the newest state."""
        view = self.console.state.view
        if view is not None:
            self.show(usage_model(view, self._opened))

    def open_first(self, view: StatusView) -> None:
        """Open the first drive, where nothing is open yet."""
        drives = [item.location for item in view.storage if item.location != item.node]
        if drives and not self._opened:
            self._open((drives[0], ""))

    def follow(self) -> None:
        """Ask for the opened folders again, when that was long enough ago."""
        if self._opened and self.console.clock.monotonic() - self._asked_at > USAGE_SECONDS:
            for place in self._opened:
                self._load(place)

    def _open(self, place: Place) -> None:
        self._opened[place] = None
        self._load(place)
        self.look()

    def _load(self, place: Place) -> None:
        self._asked_at = self.console.clock.monotonic()
        self.run_worker(self._fill(place), group=LOADING, exit_on_error=False)

    async def _fill(self, place: Place) -> None:
        usage = await self.console.ask(self.console.client.usage(*place))
        if place in self._opened:
            if usage is not None:
                self._opened[place] = usage
            elif self._opened[place] is None:
                del self._opened[place]
            self.look()

    @on(UsageTree.Toggled)
    def _toggle(self, event: UsageTree.Toggled) -> None:
        event.stop()
        place = place_of(event.key)
        if event.opened:
            self._open(place)
        else:
            inside = f"{place[1]}/" if place[1] else ""
            for other in [item for item in self._opened if item[0] == place[0] and item[1].startswith(inside)]:
                del self._opened[other]
            self._opened.pop(place, None)
            self.look()
        self.post_message(self.Narrowed(place[0] if event.opened or place[1] else None))
