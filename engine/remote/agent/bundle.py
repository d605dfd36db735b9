"""Builds the agent's source: the parts that a mode needs, registered under their own names and run (engine side)."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

PACKAGE = "engine.remote.agent"

_IMPORT = re.compile(
    rf"^[ \t]*from {re.escape(PACKAGE)}(?:\.(\w+) import| import (\([\w\s,]*\)|[\w, ]+))", re.MULTILINE
)

PRELUDE = """\
import sys, types
for _name in {packages!r}:
    sys.modules[_name] = types.ModuleType(_name)
    sys.modules[_name].__path__ = []
def _add(name, text):
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name.rsplit(".", 1)[1] + ".py", "exec"), module.__dict__)
    setattr(sys.modules[{package!r}], name.rsplit(".", 1)[1], module)
"""


@cache
def agent_source(mode: str) -> bytes:
    """Return the agent for ``control``, ``sending`` or ``receiving``: ASCII source, run by ``agent.boot.BOOT``."""
    words = PACKAGE.split(".")
    packages = [".".join(words[: count + 1]) for count in range(len(words))]
    parts = [PRELUDE.format(packages=packages, package=PACKAGE)]
    parts += [f"_add({f'{PACKAGE}.{name}'!r}, {_text(name)!a})\n" for name in part_names(mode)]
    parts.append(f"sys.modules[{f'{PACKAGE}.{mode}'!r}].main(source)\n")
    return "".join(parts).encode("ascii")


def part_names(entry: str) -> list[str]:
    """Return the modules that ``entry`` needs, itself last, each after those that it imports."""
    ordered: list[str] = []

    def add(name: str) -> None:
        for needed in _imports(name):
            add(needed)
        if name not in ordered:
            ordered.append(name)

    add(entry)
    return ordered


def _text(name: str) -> str:
    return resources.files(PACKAGE).joinpath(f"{name}.py").read_text(encoding="utf-8")


@cache
def _imports(name: str) -> tuple[str, ...]:
    """Read by a pattern, not by ``ast``: in Python 3.11 making a syntax tree fails now and then in a program with
    other threads ("AST constructor recursion depth mismatch")."""
    found: list[str] = []
    for part, listed in _IMPORT.findall(_text(name)):
        found += [part] if part else re.findall(r"\w+", listed)
    return tuple(found)
