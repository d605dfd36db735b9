"""Values as YAML text, in the form that the place in the file needs."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

WIDE = 1 << 20
"""No folding: a line that the file's author did not break is not broken by us."""


class _Dumper(yaml.SafeDumper):
    """Indents list items below their key, as the users' file does, and never writes aliases."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent lists too."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        """Write equal values out, each in its place."""
        return True


def block(value: Any) -> str:
    """Return a value in block style, without a newline at the end; empty collections and scalars on one line."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=False, sort_keys=False, width=WIDE, allow_unicode=True, indent=2
    )
    return text.removesuffix("\n").removesuffix("\n...")


def flow(value: Any) -> str:
    """Return a value on one line."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, sort_keys=False, width=WIDE, allow_unicode=True
    )
    return text.removesuffix("\n").removesuffix("\n...")


def key(name: Hashable) -> str:
    """Return a key as it is written, quoted where it must be."""
    return flow(name)


def spans_lines(value: Any) -> bool:
    """Return whether a value is written below its key rather than beside it."""
    return isinstance(value, (dict, list)) and bool(value)


def indented(text: str, spaces: int, newline: str) -> str:
    """Return a text with every line but blank ones indented, and the file's line ends."""
    margin = " " * spaces
    return newline.join(margin + line if line.strip() else "" for line in text.splitlines())
