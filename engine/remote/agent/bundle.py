"""Builds the agent's source: the parts that a mode needs, registered under their own names and run (engine side)."""

from __future__ import annotations

import base64
import json
import marshal
import re
import zlib
from functools import cache
from importlib import resources
from typing import Any

from engine.remote.agent.boot import TEXT_SOURCE

PACKAGE = "engine.remote.agent"

_IMPORT = re.compile(
    rf"^[ \t]*from {re.escape(PACKAGE)}(?:\.(\w+) import| import (\([\w\s,]*\)|[\w, ]+))", re.MULTILINE
)

PRELUDE = """\
import sys, types
for _name in {packages!r}:
    sys.modules[_name] = types.ModuleType(_name)
    sys.modules[_name].__path__ = []
def _add(name, part):
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(part, name.rsplit(".", 1)[1] + ".py", "exec") if isinstance(part, str) else part, module.__dict__)
    setattr(sys.modules[{package!r}], name.rsplit(".", 1)[1], module)
"""


PACKED = "import binascii,zlib\nexec(compile(zlib.decompress(binascii.a2b_base64('{packed}')),'agent.py','exec'))\n"
COMPILED = """\
import binascii,marshal,zlib
_main,_codes=marshal.loads(zlib.decompress(binascii.a2b_base64('{packed}')))
exec(_main)
"""
TEXT_LINE_CHARS = 960
"""Fits into a line of any terminal (see ``agent.lines``)."""


@cache
def agent_source(mode: str) -> bytes:
    """Return the agent for ``control``, ``sending`` or another mode: ASCII source, run by ``agent.boot.BOOT``.

    Packed, it comes to a third: fewer round trips before an agent far away begins.
    """
    whole = f"{_parts(mode)}{_call(mode)}"
    packed = base64.b64encode(zlib.compress(whole.encode("ascii"), 9)).decode("ascii")
    return PACKED.format(packed=packed).encode("ascii")


@cache
def compiled_agent_source(mode: str) -> bytes:
    """Return the same agent, already compiled: for the interpreter that this process runs in, and no other.

    Compiling takes a third of the time in which an agent on this machine begins.
    """
    names = part_names(mode)
    codes = {f"{PACKAGE}.{name}": compile(_text(name), f"{name}.py", "exec", dont_inherit=True) for name in names}
    main = f"{_prelude()}for _name, _code in _codes.items(): _add(_name, _code)\n{_call(mode)}"
    whole = marshal.dumps((compile(main, "agent.py", "exec", dont_inherit=True), codes))
    return COMPILED.format(packed=base64.b64encode(zlib.compress(whole)).decode("ascii")).encode("ascii")


def _call(mode: str) -> str:
    return f"sys.modules[{f'{PACKAGE}.{mode}'!r}].main(source)\n"


def _prelude() -> str:
    words = PACKAGE.split(".")
    packages = [".".join(words[: count + 1]) for count in range(len(words))]
    return PRELUDE.format(packages=packages, package=PACKAGE)


def text_head(mode: str, job: dict[str, Any]) -> bytes:
    """Return an agent with its job in it as short lines of text, for ``agent.boot.TEXT_BOOT``."""
    call = f"sys.modules[{f'{PACKAGE}.{mode}'!r}].main_text(__import__('json').loads({json.dumps(job)!r}), rest)\n"
    packed = base64.b64encode(zlib.compress((_parts(mode) + call).encode("ascii")))
    lines = [packed[at : at + TEXT_LINE_CHARS] for at in range(0, len(packed), TEXT_LINE_CHARS)]
    return b"\n" + TEXT_SOURCE.encode("ascii") + b"\n" + b"\n".join(lines) + b"\n.\n"


@cache
def _parts(mode: str) -> str:
    parts = [_prelude()]
    parts += [f"_add({f'{PACKAGE}.{name}'!r}, {_text(name)!a})\n" for name in part_names(mode)]
    return "".join(parts)


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
