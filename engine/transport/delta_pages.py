"""Two nodes compare the pages of two versions through the engine, which hands on what they say and counts it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from engine.errors import SyncdeckError
from engine.integrity.deltas import DeltaPaths, hopeless, worth_sending
from engine.model import FileStat
from engine.remote import wire
from engine.remote.agent.pages import from_text
from engine.remote.dialogue import Dialogue

CHECKSUM_BYTES = 4
LITTLE_SHARE = 0.3
"""Of the sampled pages: below this a delta is worth it beyond doubt, whatever each of them lacks."""


class NotWorthIt(Exception):
    """A delta would save little or cannot be made: the file is sent whole, which is no failure."""


@dataclass(frozen=True, slots=True)
class WrittenDelta:
    """A delta file at the source, and how many bytes of the file it stands for."""

    stat: FileStat
    sha256: str
    content_bytes: int


class Comparison:
    """One comparison of a new version with an old one; the methods are called once each, in their order.

    ``pay`` accounts for checksums on the wire, and waits for as long as a cap lets them take.
    """

    def __init__(
        self,
        new: Dialogue,
        old: Dialogue,
        new_size: int,
        old_size: int,
        arrived_bytes: int,
        pay: Callable[[int], Awaitable[None]],
    ) -> None:
        self._new = new
        self._old = old
        self._new_size = new_size
        self._old_size = old_size
        self._arrived_bytes = arrived_bytes
        self._pay = pay
        self._hash_bytes = 0
        self._little_differs = False

    async def write(self, paths: DeltaPaths, zstd: bool) -> WrittenDelta:
        """Have the delta written at the source, and the old version copied at the target meanwhile: where a sample
        shows that little differs, from the start, so that the copy is on the disk when the delta arrives.

        Raises NotWorthIt as soon as that is known, before the delta is written; SyncdeckError when a node fails.
        """
        in_place = await self._look()
        copying = self._little_differs
        if copying:
            self._copy(paths, in_place)
        groups = await self._old.hear("groups")
        await self._hand_on(groups["groups"])
        self._new.tell("groups", {"groups": groups["groups"], "count": groups["count"], "in_place": in_place})
        while (asked := await self._new.hear("step"))["step"] != "differ":
            await self._hand_on(asked["want"])
            self._old.tell(asked["step"], asked["want"])
            await self._hand_on_checksums()
        differing: int = asked["differ"]
        if not worth_sending(differing, self._new_size, self._arrived_bytes, self._hash_bytes):
            raise NotWorthIt(f"{_percent(differing, self._new_size)} of the file differ")
        if not copying:
            self._copy(paths, in_place)
        self._new.tell("write", {"path": paths.at_source, "zstd": zstd})
        written = (await self._new.hear("written"))["written"]
        return WrittenDelta(wire.stat_from(written["stat"]), written["sha256"], differing)

    async def whole_sha256(self) -> str:
        """Return the SHA-256 of the new version, which did not change since the comparison began."""
        return str((await self._new.result())["sha256"])

    async def rebuild(self, paths: DeltaPaths, temp_path: str, sha256: str) -> FileStat:
        """Have the delta applied to the copy; return the stat of the flushed ``temp_path``, read back as ``sha256``."""
        self._old.tell("apply", {"delta_path": paths.at_target, "temp_path": temp_path, "sha256": sha256})
        return wire.stat_from((await self._old.result())["stat"])

    def _copy(self, paths: DeltaPaths, stays: bool) -> None:
        self._old.tell("copy", {"path": paths.rebuilt, "size": self._new_size, "stays": stays})

    async def _look(self) -> bool:
        """Compare page sizes; return whether a sample shows that something at least is where it was.

        After VACUUM hardly any page is, and only whole pages that moved are looked for.
        """
        try:
            new, old = await self._new.hear("page"), await self._old.hear("page")
        except SyncdeckError as error:
            raise NotWorthIt(error.cause) from error
        if new["page"] != old["page"]:
            raise NotWorthIt(f"the page size is {new['page']} now, and was {old['page']}")
        await self._hand_on(old["sample"])
        ours, theirs = from_text(new["sample"]), from_text(old["sample"])
        sampled = min(len(ours), len(theirs)) // CHECKSUM_BYTES
        places = [slice(at * CHECKSUM_BYTES, (at + 1) * CHECKSUM_BYTES) for at in range(sampled)]
        differing = sum(ours[place] != theirs[place] for place in places)
        grown = max(0, self._new_size - self._old_size)
        self._little_differs = (
            sampled > 0
            and not self._arrived_bytes
            and differing <= LITTLE_SHARE * sampled
            and grown <= LITTLE_SHARE * self._new_size
        )
        return not hopeless(differing, sampled, self._new_size, self._old_size)

    async def _hand_on_checksums(self) -> None:
        """Hand on the checksums part by part, the next when the last was taken: neither is ever held whole here."""
        while True:
            part = await self._old.hear("crcs")
            await self._hand_on(part["crcs"])
            self._new.tell("crcs", {"crcs": part["crcs"], "last": part["last"]})
            if part["last"]:
                return
            await self._new.hear("took")

    async def _hand_on(self, text: str) -> None:
        self._hash_bytes += len(text)
        await self._pay(len(text))


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(1, whole):.0f} %"
