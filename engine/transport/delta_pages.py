"""Two nodes compare the pages of two versions through the engine, which hands on what they say and counts it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.errors import SyncdeckError
from engine.integrity.deltas import DeltaPaths, hopeless, worth_sending
from engine.model import FileStat
from engine.remote import wire
from engine.remote.agent.pages import from_text
from engine.remote.dialogue import Dialogue

CHECKSUM_BYTES = 4


class NotWorthIt(Exception):
    """A delta would save little or cannot be made: the file is sent whole, which is no failure."""


@dataclass(frozen=True, slots=True)
class WrittenDelta:
    """A delta file at the source, and how many bytes of the file it stands for."""

    stat: FileStat
    sha256: str
    content_bytes: int


class Comparison:
    """One comparison of a new version with an old one; the methods are called once each, in their order."""

    def __init__(
        self,
        new: Dialogue,
        old: Dialogue,
        new_size: int,
        old_size: int,
        arrived_bytes: int,
        count: Callable[[int], None],
    ) -> None:
        self._new = new
        self._old = old
        self._new_size = new_size
        self._old_size = old_size
        self._arrived_bytes = arrived_bytes
        self._count = count
        self._hash_bytes = 0

    async def write(self, paths: DeltaPaths, zstd: bool) -> WrittenDelta:
        """Have the delta written at the source, and the old version copied at the target meanwhile.

        Raises NotWorthIt as soon as that is known, before anything is written; SyncdeckError when a node fails.
        """
        in_place = await self._look()
        groups = await self._old.hear("groups")
        self._hand_on(groups["groups"])
        self._new.tell("groups", {"groups": groups["groups"], "count": groups["count"], "in_place": in_place})
        while (asked := await self._new.hear("step"))["step"] != "differ":
            self._hand_on(asked["want"])
            self._old.tell(asked["step"], asked["want"])
            await self._hand_on_checksums()
        differing: int = asked["differ"]
        if not worth_sending(differing, self._new_size, self._arrived_bytes, self._hash_bytes):
            raise NotWorthIt(f"{_percent(differing, self._new_size)} of the file differ")
        self._old.tell("copy", {"path": paths.rebuilt, "size": self._new_size})
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
        self._hand_on(old["sample"])
        ours, theirs = from_text(new["sample"]), from_text(old["sample"])
        sampled = min(len(ours), len(theirs)) // CHECKSUM_BYTES
        places = [slice(at * CHECKSUM_BYTES, (at + 1) * CHECKSUM_BYTES) for at in range(sampled)]
        differing = sum(ours[place] != theirs[place] for place in places)
        return not hopeless(differing, sampled, self._new_size, self._old_size)

    async def _hand_on_checksums(self) -> None:
        """Hand on the checksums part by part, the next when the last was taken: neither is ever held whole here."""
        while True:
            part = await self._old.hear("crcs")
            self._hand_on(part["crcs"])
            self._new.tell("crcs", {"crcs": part["crcs"], "last": part["last"]})
            if part["last"]:
                return
            await self._new.hear("took")

    def _hand_on(self, text: str) -> None:
        self._hash_bytes += len(text)
        self._count(len(text))


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(1, whole):.0f} %"
