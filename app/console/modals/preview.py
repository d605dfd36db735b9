"""A choice that the engine is asked about first: nothing can be chosen before it is shown what would happen."""

from __future__ import annotations

from abc import abstractmethod
from typing import Generic, TypeVar

from textual import on
from textual.widgets import Button

from app.console.modals.decision import Decision
from widgets.text import Line, Span, Tone

Request = TypeVar("Request")
Forecast = TypeVar("Forecast")


class PreviewDialog(Decision[Request | None], Generic[Request, Forecast]):
    """Returns the request to carry out, or None. A subclass says how to ask the engine, how to show its answer, and
    may offer a second choice that changes the request and asks anew."""

    VERB = ""
    WAITING = "Working out what would move"
    UNKNOWN = "The engine could not say what would move. Nothing was done."

    def __init__(self, request: Request, title: str) -> None:
        super().__init__()
        self.request = request
        self.settled = False
        self.TITLE_TEXT = title

    @abstractmethod
    async def forecast(self, request: Request) -> Forecast:
        """Return what the engine says would happen; raises SyncdeckError."""

    @abstractmethod
    def forecast_lines(self, forecast: Forecast) -> list[Line]:
        """Return what the engine says, to read."""

    @abstractmethod
    def can_go(self, forecast: Forecast) -> bool:
        """Return whether there is anything to carry out."""

    def other_label(self, _request: Request) -> str:
        """Return what the second choice is called under this request; "" when there is none."""
        return ""

    def other(self, request: Request) -> Request:
        """Return the request that the second choice makes of this one."""
        return request

    def buttons(self) -> list[Button]:
        """Return Cancel, the second choice where there is one, and the act."""
        label = self.other_label(self.request)
        return [
            Button("Cancel", id="cancel", compact=True),
            *([Button(label, id="other", compact=True)] if label else []),
            Button(self.VERB, id="confirm", compact=True, disabled=True),
        ]

    def on_mount(self) -> None:
        """Ask the engine what would happen."""
        self._ask_engine()

    def _ask_engine(self) -> None:
        self.settled = False
        self.query_one("#confirm", Button).disabled = True
        self.show_lines([(Span(self.WAITING, Tone.MUTED),)])
        self.run_worker(self._load(self.request), group="preview", exclusive=True)

    async def _load(self, request: Request) -> None:
        forecast = await self.console.ask(self.forecast(request))
        self.settled = True
        if forecast is None:
            self.show_lines([(Span(f"✗ {self.UNKNOWN}", Tone.BAD),)])
            return
        self.show_lines(self.forecast_lines(forecast))
        self.query_one("#confirm", Button).disabled = not self.can_go(forecast)

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#other")
    def _take_other(self, event: Button.Pressed) -> None:
        self.request = self.other(self.request)
        event.button.label = self.other_label(self.request)
        self._ask_engine()

    @on(Button.Pressed, "#confirm")
    def _confirm(self) -> None:
        self.dismiss(self.request)
