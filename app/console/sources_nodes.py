"""Where the lists of nodes, and of what a node alone holds, get their rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from app.console.present.nodes import entry_cells, node_cells
from app.console.remembering import Numbers
from engine.client import EngineClient
from engine.views import StatusView
from engine.views_nodes import AtRiskRow, RescueView
from widgets.paged_table import Page
from widgets.table_columns import TableRow

_CALM = ("up", "unknown", "unused")


class NodeSource:
    """The nodes, those with the most to lose first; unused ones last. Keeps the rescues that it saw."""

    def __init__(
        self, client: EngineClient, numbers: Numbers, view: Callable[[], StatusView | None], text: str
    ) -> None:
        self._client = client
        self._numbers = numbers
        self._view = view
        self._words = text.lower().split()
        self._rows: Sequence[TableRow] = ()
        self._is_fresh = False
        self.rescues: tuple[RescueView, ...] = ()

    async def page(self, offset: int, count: int) -> Page:
        """Return a window of nodes. Raises what the client raises."""
        if not self._is_fresh and (offset == 0 or not self._rows):
            await self._look()
        self._is_fresh = False
        return Page(len(self._rows), tuple(self._rows[offset : offset + count]))

    async def _look(self) -> None:
        view = self._view()
        if view is None:
            self._rows = ()
            return
        risks = {row.node: row for row in await self._client.at_risk()}
        self.rescues = await self._client.rescues()
        self._rows = self._made(view, risks)

    def _made(self, view: StatusView, risks: Mapping[str, AtRiskRow]) -> list[TableRow]:
        drains = {node: one for one in reversed(self.rescues) if is_draining(one) for node in one.nodes}
        worst = {row.node: place for place, row in enumerate(risks.values()) if row.entries}
        ranked = []
        for node in view.nodes:
            disks = [item for item in view.storage if item.node == node.node]
            row = node_cells(self._numbers.of(node.node), node, disks, risks.get(node.node), drains.get(node.node))
            calm = ("up", "unknown", "unused").index(node.state) + 1 if node.state in _CALM else 0
            ranked.append((worst.get(node.node, len(view.nodes)), calm, node.node, row))
        ranked.sort(key=lambda item: item[:3])
        return [row for *_, row in ranked if all(word in _text(row) for word in self._words)]

    async def rank(self, row_id: int) -> int | None:
        """Return where a node is in the list now, or None. Raises what the client raises."""
        await self._look()
        self._is_fresh = True  # the page that is fetched next shows the order that this position is of
        return next((position for position, row in enumerate(self._rows) if row.id == row_id), None)


def is_draining(view: RescueView) -> bool:
    """Return whether a rescue is a drain that was not cancelled."""
    return view.kind == "drain" and not view.cancelled


def _text(row: TableRow) -> str:
    return " ".join(cell.text for cell in row.cells).lower()


class EntrySource:
    """What one node alone holds, in the order in which an emergency saves it."""

    def __init__(self, client: EngineClient, node: str) -> None:
        self._client = client
        self._node = node

    async def page(self, offset: int, count: int) -> Page:
        """Return a window of files. Raises what the client raises."""
        window = await self._client.at_risk_entries(self._node, offset, count)
        rows = (entry_cells(offset + index, row) for index, row in enumerate(window.rows))
        return Page(window.total, tuple(rows))

    async def rank(self, row_id: int) -> int | None:
        """Return nothing: what is saved leaves the list, and the cursor keeps its position."""
        return None
