"""Whether there still is a terminal: consoles that outlive theirs are known to spin for ever."""

from __future__ import annotations

import os
import sys

EXIT_TERMINAL_LOST = 129
"""128 + SIGHUP, as a shell reports a program whose terminal went away."""


def terminal_is_there() -> bool:
    """Return whether standard input is still a terminal."""
    try:
        return sys.__stdin__ is not None and os.isatty(sys.__stdin__.fileno())
    except ValueError:
        return False
