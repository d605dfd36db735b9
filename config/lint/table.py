"""The table of all lint rules, as docs/configuration.md shows it: ``python -m config.lint.table FILE`` renews it."""

from __future__ import annotations

import sys
from pathlib import Path

from config.lint.registry import RULES

BEGIN = "<!-- lint rules: written by `python -m config.lint.table docs/configuration.md` -->"
END = "<!-- end of lint rules -->"

FORM_RULES: tuple[tuple[str, str, str], ...] = (
    ("yaml-syntax", "the file is not YAML", "correct the line that is named, or the one above it"),
    ("duplicate-key", "a key is written twice; YAML silently takes the last", "keep one of the two"),
    ("wrong-type", "a value of the wrong type, such as text for a number", "write the type that is named"),
    ("wrong-value", "a value out of range, without its unit, or none of those allowed", "write one that is allowed"),
    ("missing-key", "an item lacks a key that it needs", "add the key"),
    ("host-name", "a host's name holds `:`, `/`, `@` or a blank, begins with `-`, or is `..`", "rename the host"),
    ("rule-selector", "a rule's selector cannot be understood", "see the selector language"),
    ("landing-template", "a landing template cannot be read backwards, from a file to its key", "see `landing`"),
)
"""What the form of the file can be guilty of: id, summary, remedy. All are errors; the file is not used."""


def rules_table() -> str:
    """Return the Markdown table of every rule: first those of the form, then those of the registry."""
    rows = ["| rule | severity | what | remedy |", "|---|---|---|---|"]
    rows += [f"| `{rule}` | error | {summary} | {remedy} |" for rule, summary, remedy in FORM_RULES]
    rows += [f"| `{rule.id}` | {rule.severity.value} | {rule.summary} | {rule.remedy} |" for rule in RULES]
    return "\n".join(rows)


def with_table(page: str) -> str:
    """Return a page with the table between its two markers renewed; raises ValueError without the markers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page lacks the two markers of the lint rules")
    return f"{before}{BEGIN}\n{rules_table()}\n{END}{after}"


def main(path: Path) -> None:
    """Renew the table in one page."""
    path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
