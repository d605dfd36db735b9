"""The documented tables of keys, written from the table of actions: docs/keys.md, and the README between its marks."""

from __future__ import annotations

import sys
from pathlib import Path

from app.console.actions import markdown_table

BEGIN = "<!-- keys:begin -->"
END = "<!-- keys:end -->"

_INTRODUCTION = """# Keys

Written by `python -m app.console.keydocs` from `app/console/actions.py`; a test checks that it is current.
Every action can be given other keys by its id, and a console started with `--read-only` has none of the keys
that change something. `ctrl+p` finds any action by name, `?` shows the keys of the present screen.

"""


def keys_page() -> str:
    """Return docs/keys.md."""
    return f"{_INTRODUCTION}{BEGIN}\n{markdown_table()}{END}\n"


def between_marks(text: str) -> str | None:
    """Return what stands between the marks in a page, or None where it has none."""
    if BEGIN not in text or END not in text:
        return None
    return text.split(BEGIN, 1)[1].split(END, 1)[0].strip("\n") + "\n"


def with_table(text: str) -> str:
    """Return a page with the table between its marks; a page without marks is returned as it is."""
    if between_marks(text) is None:
        return text
    head, rest = text.split(BEGIN, 1)
    return f"{head}{BEGIN}\n{markdown_table()}{END}{rest.split(END, 1)[1]}"


def main(root: Path) -> int:
    """Write docs/keys.md, and the README's table where it has the marks; return the exit code."""
    (root / "docs" / "keys.md").write_text(keys_page(), encoding="utf-8")
    readme = root / "README.md"
    if readme.exists():
        readme.write_text(with_table(readme.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd()))
