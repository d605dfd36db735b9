"""What is shown instead of a screen that would not fit."""

from __future__ import annotations

from textual.widgets import Static

LEAST_WIDTH = 80
LEAST_HEIGHT = 24


class TooSmall(Static):
    """Says which size is needed and which there is."""

    DEFAULT_CSS = """
    TooSmall { width: 100%; height: 100%; content-align: center middle; text-align: center; display: none; }
    """

    def tell(self, width: int, height: int) -> None:
        """Say how large the terminal is and must be."""
        needed = f"syncdeck needs {LEAST_WIDTH}x{LEAST_HEIGHT}"
        self.update(f"{needed}\nthis terminal has {width}x{height}\nmake it larger, or q to quit")


def is_too_small(width: int, height: int) -> bool:
    """Return whether a terminal of this size cannot show a screen."""
    return width < LEAST_WIDTH or height < LEAST_HEIGHT
