"""The language that names places: ``role=gpu_training* & status=ready``, ``external | (durable & !coordinator)``.

Grammar, loosest first: ``a | b``, ``a & b``, ``!a``, ``(a)``, a bare word, ``attribute=glob``,
``attribute!=glob``. Globs know ``*``, ``?`` and ``[...]`` and ignore case; values may be quoted. An attribute
that a place does not have matches no glob, not even ``*``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import translate
from typing import Protocol

from config.types import DriveSpec, NodeSpec

BARE_WORDS: Mapping[str, tuple[str, str]] = {
    "ephemeral": ("ephemeral", "true"),
    "durable": ("durable", "true"),
    "external": ("external", "true"),
    "trainer": ("training", "true"),
    "training": ("training", "true"),
    "selfplay": ("selfplay", "true"),
    "coordinator": ("coordinator", "true"),
    "gpu": ("has_gpu", "true"),
    "priority": ("priority", "true"),
    "ready": ("ready", "true"),
}
"""Each bare word stands for one attribute and value; ``all`` and ``any`` stand for every place."""

EVERYTHING = frozenset({"all", "any", "*"})

_TOKEN = re.compile(
    r"\s*(?:(?P<symbol>!=|[&|!()=])|\"(?P<quoted>[^\"]*)\"|'(?P<single>[^']*)'|(?P<word>[^\s&|!()='\"]+))"
)


class SelectorError(ValueError):
    """A selector that cannot be understood; ``column`` is 1-based within the selector's own text."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(f"{message} (at character {column})")
        self.column = column


class _Node(Protocol):
    def matches(self, attributes: Mapping[str, str]) -> bool: ...


@dataclass(frozen=True, slots=True)
class _Everything:
    def matches(self, attributes: Mapping[str, str]) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class _Glob:
    attribute: str
    pattern: re.Pattern[str]

    def matches(self, attributes: Mapping[str, str]) -> bool:
        value = attributes.get(self.attribute)
        return value is not None and self.pattern.match(value) is not None


@dataclass(frozen=True, slots=True)
class _Not:
    operand: _Node

    def matches(self, attributes: Mapping[str, str]) -> bool:
        return not self.operand.matches(attributes)


@dataclass(frozen=True, slots=True)
class _All:
    operands: tuple[_Node, ...]

    def matches(self, attributes: Mapping[str, str]) -> bool:
        return all(operand.matches(attributes) for operand in self.operands)


@dataclass(frozen=True, slots=True)
class _Any:
    operands: tuple[_Node, ...]

    def matches(self, attributes: Mapping[str, str]) -> bool:
        return any(operand.matches(attributes) for operand in self.operands)


@dataclass(frozen=True, slots=True)
class Selector:
    """A parsed selector."""

    text: str
    _root: _Node
    attribute_names: frozenset[str]
    """The attributes that it asks for, so that lint can name one that no place has."""

    @staticmethod
    def parse(text: str) -> Selector:
        """Return the selector written in ``text``; raises ``SelectorError`` naming the character."""
        parser = _Parser(text)
        return Selector(text, parser.parse(), frozenset(parser.attribute_names))

    def matches(self, attributes: Mapping[str, str]) -> bool:
        """Return whether a place with these attributes (see ``attributes_of``) is selected."""
        return self._root.matches(attributes)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    column: int
    symbol: bool


_MAX_DEPTH = 50
"""Deeper nesting is a mistake, and would exhaust Python's stack long before a person could read it."""


class _Parser:
    """Recursive descent over the tokens of one selector."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._end = len(text) + 1
        self._position = 0
        self._depth = 0
        self.attribute_names: set[str] = set()

    def parse(self) -> _Node:
        if not self._tokens:
            raise SelectorError("the selector is empty; write `all` for every place", 1)
        node = self._union()
        if self._position < len(self._tokens):
            token = self._tokens[self._position]
            raise SelectorError(f"expected `&`, `|` or the end, found `{token.text}`", token.column)
        return node

    def _union(self) -> _Node:
        operands = [self._intersection()]
        while self._accept("|"):
            operands.append(self._intersection())
        return operands[0] if len(operands) == 1 else _Any(tuple(operands))

    def _intersection(self) -> _Node:
        operands = [self._negation()]
        while self._accept("&"):
            operands.append(self._negation())
        return operands[0] if len(operands) == 1 else _All(tuple(operands))

    def _negation(self) -> _Node:
        negated = False
        while self._accept("!"):
            negated = not negated
        operand = self._operand()
        return _Not(operand) if negated else operand

    def _operand(self) -> _Node:
        token = self._take("a word, `attribute=glob` or `(`")
        if token.symbol and token.text == "(":
            return self._group(token)
        if token.symbol:
            raise SelectorError(f"expected a word, `attribute=glob` or `(`, found `{token.text}`", token.column)
        if self._accept("="):
            return self._glob(token)
        if self._accept("!="):
            return _Not(self._glob(token))
        return self._bare(token)

    def _group(self, opening: _Token) -> _Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise SelectorError(f"parentheses are nested more than {_MAX_DEPTH} deep", opening.column)
        node = self._union()
        if not self._accept(")"):
            raise SelectorError("this `(` is never closed", opening.column)
        self._depth -= 1
        return node

    def _glob(self, attribute: _Token) -> _Node:
        value = self._take(f"a glob after `{attribute.text}=`")
        if value.symbol:
            raise SelectorError(f"expected a glob after `{attribute.text}=`, found `{value.text}`", value.column)
        name = attribute.text.lower()
        self.attribute_names.add(name)
        return _Glob(name, re.compile(translate(value.text), re.IGNORECASE))

    def _bare(self, token: _Token) -> _Node:
        word = token.text.lower()
        if word in EVERYTHING:
            return _Everything()
        if word not in BARE_WORDS:
            known = sorted({*BARE_WORDS, "all", "any"})
            near = difflib.get_close_matches(word, known, 1)
            hint = f"did you mean `{near[0]}`?" if near else f"write `node={token.text}` for a host of that name"
            raise SelectorError(f"`{token.text}` is not a word of the selector language; {hint}", token.column)
        name, value = BARE_WORDS[word]
        return _Glob(name, re.compile(translate(value)))

    def _accept(self, symbol: str) -> bool:
        if self._position < len(self._tokens):
            token = self._tokens[self._position]
            if token.symbol and token.text == symbol:
                self._position += 1
                return True
        return False

    def _take(self, expected: str) -> _Token:
        if self._position == len(self._tokens):
            raise SelectorError(f"expected {expected}, found the end", self._end)
        self._position += 1
        return self._tokens[self._position - 1]


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            column = len(text) - len(text[position:].lstrip()) + 1
            raise SelectorError("this quote is never closed", column)
        group = match.lastgroup or ""
        tokens.append(_Token(match[group], match.start(group) + 1, group == "symbol"))
        position = match.end()
    return tokens


def attributes_of(node: NodeSpec, drive: DriveSpec | None) -> dict[str, str]:
    """Return what selectors see of a place: of a node's own folder, or of one of its external drives.

    A drive has the attributes of its node, so that ``node=mac-studio`` names both, but it neither trains nor
    plays nor computes: ``training``, ``selfplay`` and ``has_gpu`` are false there.
    """
    own = drive is None
    attributes = dict(node.attributes)
    attributes |= {
        "node": node.node_id,
        "status": node.status,
        "role": node.role,
        "provider": node.provider,
        "ephemeral": _flag(node.ephemeral),
        "durable": _flag(node.durable),
        "training": _flag(node.training and own),
        "selfplay": _flag(node.selfplay and own),
        "has_gpu": _flag(node.gpu and own),
        "priority": _flag(node.priority),
        "coordinator": _flag(node.coordinator),
        "nat_blocked": _flag(node.nat_blocked),
        "force_relay_mode": _flag(node.force_relay_mode),
        "ready": _flag(node.ready),
        "external": _flag(not own),
    }
    if node.region is not None:
        attributes["region"] = node.region
    if drive is not None:
        attributes["path"] = drive.path
    elif node.root is not None:
        attributes["path"] = node.root
    return attributes


def _flag(value: bool) -> str:
    return "true" if value else "false"
