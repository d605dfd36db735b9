"""Every lint case: the smallest files that show each rule, from the files beside this one that are called so."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

CASES: list[Any] = [
    case
    for file in sorted(Path(__file__).parent.glob("lint_cases_*.py"))
    for case in importlib.import_module(f"tests.config.{file.stem}").CASES
]
