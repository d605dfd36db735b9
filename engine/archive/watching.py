"""Seeing that archives are still there, by size and time: between readings in full somebody may take them away."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import groupby

from engine.archive.cold import available, root_of
from engine.archive.values import ArchiveError, ArchiveRecord
from engine.archive.verifying import Verifier
from engine.errors import NodeUnreachable
from engine.execution.tools import Tools
from engine.locations import node_of

log = logging.getLogger(__name__)

ASKED_AT_ONCE = 1000
"""Files asked for in one call."""


class ArchiveWatch:
    """Looks at every verified archive without reading it; one that is gone or another file is read in full at once."""

    def __init__(self, tools: Tools, verifier: Verifier) -> None:
        self._tools = tools
        self._verifier = verifier

    async def look(self) -> list[ArchiveRecord]:
        """Return the archives that were found damaged or gone, and are recorded as such.

        Places that cannot be looked at now are left out: nothing is known of what lies there. Raises SyncdeckError for
        anything else that goes wrong.
        """
        damaged: list[ArchiveRecord] = []
        for (location, _), group in groupby(sorted(await self._verifier.at_hand(), key=_place), key=_place):
            try:
                damaged += await self._look_at(list(group))
            except (NodeUnreachable, ArchiveError) as error:
                log.info("archives on %s could not be looked at: %s", location, error)
        return damaged

    async def _look_at(self, records: Sequence[ArchiveRecord]) -> list[ArchiveRecord]:
        """Return the damaged ones of one tree. Raises SyncdeckError when it cannot be looked at."""
        agent = await self._tools.agent_for(node_of(records[0].location))
        await available(agent, root_of(records[0]))
        damaged = []
        for start in range(0, len(records), ASKED_AT_ONCE):
            asked = records[start : start + ASKED_AT_ONCE]
            stats = await agent.stat_many([record.path for record in asked])
            for record, found in zip(asked, stats, strict=True):
                is_as_it_was = found is not None and found.same_content_as(record.stat)
                if not is_as_it_was and not await self._verifier.verify_one(record):
                    damaged.append(record)
        return damaged


def _place(record: ArchiveRecord) -> tuple[str, str]:
    return record.location, record.root
