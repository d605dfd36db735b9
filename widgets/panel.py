"""A bordered list that lays one model out for its width; the base of the dashboard's panels."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.message import Message

from widgets.line_list import LineList, Sheet
from widgets.text import Tone

Model = TypeVar("Model")


class Panel(LineList, Generic[Model]):
    """A panel. Subclasses turn their model into a sheet in ``lay_out``; nothing is redrawn when that is equal."""

    TITLE: ClassVar[str] = ""

    DEFAULT_CSS = """
    Panel {
        border: round $border-blurred;
        border-title-color: $text-primary;
        border-title-style: bold;
        border-subtitle-color: $text-muted;
        background: $background;
        padding: 0 1 0 0;
        height: auto;
        &:focus { border: round $primary; }
        &.-bad { border: round $error; border-title-color: $text-error; }
        &.-warn { border: round $warning; border-title-color: $text-warning; }
        &:ansi { border: round ansi_bright_black; border-title-color: ansi_blue;
                 border-subtitle-color: ansi_bright_black; }
        &:ansi:focus { border: round ansi_blue; }
        &:ansi.-bad { border: round ansi_red; }
        &:ansi.-warn { border: round ansi_yellow; }
    }
    """

    class Laid(Message):
        """The panel needs another number of lines than before."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._model: Model | None = None
        self.border_title = self.TITLE

    @property
    def model(self) -> Model | None:
        """What is shown."""
        return self._model

    def show(self, model: Model) -> None:
        """Show a model."""
        if model != self._model:
            self._model = model
            self._lay_out_again()

    def lay_out(self, model: Model, width: int) -> Sheet:
        """Return the sheet for a model in lines of ``width`` cells."""
        raise NotImplementedError

    def set_tone(self, tone: Tone) -> None:
        """Give the border the colour of the worst thing inside."""
        self.set_class(tone is Tone.BAD, "-bad")
        self.set_class(tone is Tone.WARN, "-warn")

    def wanted_height(self) -> int:
        """Return how many lines the panel needs, borders included, to show everything."""
        return self.sheet.height + 2

    def on_resize(self, _event: events.Resize) -> None:
        """Lay out for the new width."""
        self._lay_out_again()

    def _lay_out_again(self) -> None:
        width = self.line_width - 1
        if self._model is not None and width > 0:
            before = self.sheet.height
            self.set_sheet(self.lay_out(self._model, width))
            if before != self.sheet.height:
                self.post_message(self.Laid())
