"""What comes of placing many entries in another way: copies that are asked for, refused, or wanted no more. Pure."""

from __future__ import annotations

import numpy as np

from config.types import DataType, RuleSpec
from engine.planner.obstacles import Obstacle
from engine.routing.simulation.asks import Asks
from engine.routing.simulation.columns import Columns, Numbers, any_of, column, each_bit, in_order, some, with_bit
from engine.routing.simulation.image import CatalogImage
from engine.routing.simulation.side import Side, Stands
from engine.routing.simulation.tally import Tally


class Effects:
    """Notes effects in a tally and in what is asked for."""

    def __init__(self, image: CatalogImage, tried: Side, tally: Tally, asks: Asks) -> None:
        self._image = image
        self._tried = tried
        self._tally = tally
        self._asks = asks
        self._bits = tried.ground.bits

    def bytes_of(self, row_ids: Numbers) -> int:
        """Return the size of some entries together."""
        return int(self._sizes(row_ids).sum())

    def note_gone(self, stands: Stands, gone: Columns) -> None:
        """Note copies that are held and that nobody wants any more."""
        for bit, these in _by_location(gone):
            self._tally.add_surplus(self._name(bit), len(these), self.bytes_of(stands.row_ids[these]))

    def note_missing(self, rule: RuleSpec, stands: Stands, copies: Numbers) -> None:
        """Note copies that a rule wants, and that no place can receive."""
        few = np.flatnonzero(copies > 0)
        if len(few):
            row_ids, copies = stands.row_ids[few], copies[few]
            size_bytes = int((copies * self._sizes(row_ids)).sum())
            reason = f"rule {rule.name} wants more copies than places can receive"
            self._tally.refuse(reason, int(copies.sum()), size_bytes, self._image.keys[int(row_ids[0])])

    def ask(
        self,
        data_type: DataType,
        rule: RuleSpec,
        stands: Stands,
        wanted: Columns,
        old: Columns | None,
        newest: bool,
        where: int = -1,
    ) -> None:
        """Note what is lacking of what is ``wanted``.

        ``old`` is what the policy in force wants (None: the same), ``where`` all that is of interest.
        """
        words = len(wanted)
        old = wanted if old is None else old
        for bit, these in _by_location(wanted & stands.coming & ~stands.held & column(where, words)):
            self._asks.note_coming(self._name(bit), stands.row_ids[these].tolist())
        lacking = wanted & ~(stands.held | stands.coming)
        if not any_of(lacking) & where:
            return
        open_now = self._open(data_type, rule, stands, lacking, old) & column(where, words)
        asked = self._tried.orders(data_type, rule, stands, wanted, open_now, newest, self._image.entry)
        for order, entries, bits in asked:
            row_ids, known = stands.row_ids[entries], old[:, entries]
            for is_new, sets in ((True, bits & ~known), (False, bits & known)):
                for bit, these in _by_location(sets):
                    chosen = row_ids[these]
                    self._asks.add(self._name(bit), order, chosen, is_new, self.bytes_of(chosen))

    def _open(self, data_type: DataType, rule: RuleSpec, stands: Stands, lacking: Columns, old: Columns) -> Columns:
        """Return what of the lacking can be sent now; the rest of it is refused where it is new."""
        words = len(lacking)
        closed, why = self._tried.closed(data_type)
        for bit, these in _by_location(lacking & column(closed, words) & ~old):
            self._refuse(why[self._name(bit)].reason, stands.row_ids[these])
        open_now: Columns = lacking & ~column(closed, words)
        can_be_read = some(stands.held & column(self._tried.readable, words))
        # A copy in doubt lies there: what is said of one entry holds for all of which something can be read.
        for bit, these in _by_location(open_now & stands.blocked & np.where(can_be_read, ~np.uint64(0), np.uint64(0))):
            self._judge(rule, stands, open_now, old, bit, these)
        for these in _held_alike(stands, np.flatnonzero(~can_be_read & some(open_now))):
            for bit, some_of_them in _by_location(open_now[:, these]):
                self._judge(rule, stands, open_now, old, bit, these[some_of_them])
        return open_now

    def _judge(self, rule: RuleSpec, stands: Stands, open_now: Columns, old: Columns, bit: int, these: Numbers) -> None:
        """Take a location out of what can be sent when there is no source for it; entries are judged by the first."""
        source = self._tried.source(self._image.entry(int(stands.row_ids[these[0]])), self._name(bit), rule)
        if isinstance(source, Obstacle):
            taken = column(bit, len(open_now))
            open_now[:, these] &= ~taken
            self._refuse(source.reason, stands.row_ids[these[~some(old[:, these] & taken)]])

    def _refuse(self, reason: str, row_ids: Numbers) -> None:
        if len(row_ids):
            example = self._image.keys[int(row_ids[0])]
            self._tally.refuse(reason, len(row_ids), self.bytes_of(row_ids), example)

    def _name(self, bit: int) -> str:
        return self._bits.names(bit)[0]

    def _sizes(self, row_ids: Numbers) -> Numbers:
        sizes: Numbers = np.frombuffer(self._image.sizes, dtype=np.int64)[row_ids]
        return sizes


def _by_location(columns: Columns) -> list[tuple[int, Numbers]]:
    """Return the locations that are in any of the sets, as single bits, with the positions of those sets."""
    return [(bit, with_bit(columns, bit)) for bit in each_bit(any_of(columns))]


def _held_alike(stands: Stands, positions: Numbers) -> list[Numbers]:
    """Return positions of entries, those together that the same locations hold: what none can read has no source."""
    if not len(positions):
        return []
    order, starts = in_order(list(stands.held[:, positions]))
    return np.split(positions[order], starts[1:])
