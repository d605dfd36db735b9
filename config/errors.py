"""The one error of the configuration room: which file, which line, what is wrong, what mends it."""

from __future__ import annotations

from config.types import LintFinding


class ConfigError(Exception):
    """The configuration cannot be used.

    ``line`` and ``column`` are 1-based, ``None`` where no line is to blame (a missing file). ``key`` is the
    dotted path of the key to blame, or empty. ``findings`` holds everything that is wrong, not only the first.
    """

    def __init__(
        self,
        file: str,
        line: int | None,
        column: int | None,
        key: str,
        cause: str,
        remedy: str,
        findings: tuple[LintFinding, ...] = (),
    ) -> None:
        place = file if line is None else f"{file}:{line}:{column or 1}"
        super().__init__(f"{place}: {cause}")
        self.file = file
        self.line = line
        self.column = column
        self.key = key
        self.cause = cause
        self.remedy = remedy
        self.findings = findings
