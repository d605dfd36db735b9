"""Every lint rule, family by family. A new rule is one function and one line in its family's tuple."""

from __future__ import annotations

from config.lint.rule import LintRule

RULES: tuple[LintRule, ...] = ()
