"""Why an edit is not made."""

from __future__ import annotations


class EditRefused(Exception):
    """An edit that cannot be made without touching what is not meant. Nothing was changed.

    ``line`` is where in the file, or None; ``remedy`` what to do instead.
    """

    def __init__(self, cause: str, remedy: str, line: int | None = None) -> None:
        super().__init__(cause if line is None else f"line {line}: {cause}")
        self.cause = cause
        self.remedy = remedy
        self.line = line
