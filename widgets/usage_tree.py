"""A tree of folders with what fills them: a bar parted by kind, in colour and in a letter-like shade, and a word."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from widgets.bars import bar
from widgets.line_list import Row, Sheet
from widgets.panel import Panel
from widgets.text import Line, Span, Tone, cells, fit, fit_middle

KINDS = (("█", Tone.ACCENT, "catalogued"), ("▓", Tone.GOOD, "archived"), ("▒", Tone.WARN, "unknown"),
         ("░", Tone.BAD, "leftover"))  # fmt: skip
"""The parts of a bar in their order: shade, tone, word."""

SIZE_WIDTH = 11
WORD_WIDTH = 10
LEAST_BAR = 5
MOST_BAR = 16
"""Between these a name that is not cut is worth more than a longer bar."""


@dataclass(frozen=True, slots=True)
class UsageNode:
    """One line of the tree. ``parts`` are bytes in the order of ``KINDS``; without a key it cannot be chosen."""

    key: str | None
    depth: int
    name: str
    size: str
    parts: tuple[int, ...]
    has_more: bool
    is_open: bool
    word: str
    tone: Tone
    percent: float | None = None
    """How full it is, drawn while its parts are not known."""


@dataclass(frozen=True, slots=True)
class UsageModel:
    """The lines that are to be seen, in order."""

    nodes: tuple[UsageNode, ...] = ()
    empty: str = "No drive has been measured yet."


class UsageTree(Panel[UsageModel]):
    """The tree. Enter or → opens a folder, ← closes it (or goes to the one around it)."""

    TITLE = "Usage"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "open", "Open", show=False),
        Binding("left", "fold", "Close", show=False),
    ]

    class Toggled(Message):
        """A folder is to be opened or closed."""

        def __init__(self, key: str, opened: bool) -> None:
            super().__init__()
            self.key = key
            self.opened = opened

    def lay_out(self, model: UsageModel, width: int) -> Sheet:
        """Return the lines, and the legend of the shades at the foot."""
        if not model.nodes:
            return Sheet((Row(None, ((Span(model.empty, Tone.MUTED),),)),))
        bar_width = _bar_width(model, width)
        rows = tuple(Row(node.key, (_line(node, width, bar_width),)) for node in model.nodes)
        return Sheet(rows, foot=partial(_legend, width))

    def _node(self, key: str | None) -> UsageNode | None:
        nodes = self.model.nodes if self.model is not None else ()
        return next((node for node in nodes if node.key == key), None)

    def action_choose(self) -> None:
        """Open or close the folder under the cursor."""
        node = self._node(self.cursor_key)
        if node is not None and node.key is not None and node.has_more:
            self.post_message(self.Toggled(node.key, not node.is_open))

    def action_open(self) -> None:
        """Open the folder under the cursor."""
        node = self._node(self.cursor_key)
        if node is not None and not node.is_open:
            self.action_choose()

    def action_fold(self) -> None:
        """Close the folder under the cursor, or go to the one around it."""
        node = self._node(self.cursor_key)
        if node is None or self.model is None:
            return
        if node.is_open:
            self.action_choose()
            return
        above = [
            index
            for index, other in enumerate(self.model.nodes[: self.model.nodes.index(node)])
            if other.depth < node.depth and other.key is not None
        ]
        if above:
            self.move_cursor(above[-1])


def shares(parts: tuple[int, ...], width: int) -> tuple[int, ...]:
    """Return how many of ``width`` cells each part takes; a part that is there takes at least one."""
    total = sum(parts)
    if total <= 0 or width <= 0:
        return (0,) * len(parts)
    taken = [max(1, int(part / total * width)) if part else 0 for part in parts]
    largest = max(range(len(parts)), key=lambda index: parts[index])
    taken[largest] = max(0, taken[largest] + width - sum(taken))
    return tuple(taken)


def parted_bar(parts: tuple[int, ...], width: int) -> Line:
    """Return a bar of ``width`` cells, parted in the shades and tones of ``KINDS``."""
    counts = shares(parts, width)
    return tuple(Span(KINDS[i][0] * count, KINDS[i][1]) for i, count in enumerate(counts) if count)


def _indent(node: UsageNode) -> int:
    return min(12, 2 * node.depth)


def _bar_width(model: UsageModel, width: int) -> int:
    """Return one width for all bars, so that they can be compared: what the longest name leaves, within bounds."""
    rest = width - SIZE_WIDTH - WORD_WIDTH - 3
    longest = max(_indent(node) + 2 + len(node.name) for node in model.nodes)
    return max(LEAST_BAR, min(MOST_BAR, rest // 3, rest - longest))


def _line(node: UsageNode, width: int, bar_width: int) -> Line:
    indent = _indent(node)
    sign = ("▾ " if node.is_open else "▸ ") if node.has_more else "  "
    if node.key is None:
        return (Span(" " * indent + "  " + node.name, Tone.MUTED),)
    rest = width - SIZE_WIDTH - WORD_WIDTH - 3
    name_width = max(4, rest - bar_width - indent - 2)
    fill = parted_bar(node.parts, bar_width) if any(node.parts) else bar(node.percent, bar_width, Tone.MUTED)
    return (
        Span(" " * indent + sign, Tone.ACCENT),
        Span(fit_middle(node.name, name_width) + " ", bold=node.depth == 0),
        *fill,
        Span(fit(node.size, SIZE_WIDTH, "right") + " "),
        Span(fit(node.word, WORD_WIDTH), node.tone),
    )


def _legend(width: int, hidden: int) -> Line:
    spans: list[Span] = []
    for shade, tone, word in KINDS:
        spans += [Span(shade, tone), Span(f" {word} ", Tone.MUTED)]
    more = Span(f" {hidden} more", Tone.MUTED)
    return (*spans, more) if hidden and cells((*spans, more)) <= width else tuple(spans)
