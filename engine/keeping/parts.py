"""The desk of copies that are kept, put together over an engine's tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from engine.archive.parts import ArchiveParts
from engine.audit import Audit
from engine.execution.keeping import CopyKeeper
from engine.execution.tools import Tools
from engine.inventory.fleet import Fleet
from engine.keeping.desk import KeepDesk
from engine.keeping.finding import Finder
from engine.model import LocationView, Refusal


def build_keeping(
    tools: Tools,
    fleet: Fleet,
    locations: Callable[[], Mapping[str, LocationView]],
    refused: Callable[[], Sequence[Refusal]],
    archive: ArchiveParts,
    audit: Audit,
    changed: Callable[[], None],
) -> KeepDesk:
    """Return the desk. ``refused`` is what the last plan refused, ``changed`` makes the next one."""
    return KeepDesk(
        catalog=tools.catalog,
        queue=tools.queue,
        fleet=fleet,
        finder=Finder(tools.catalog, tools.queue, refused),
        keeper=CopyKeeper(tools.catalog, tools.agent_for, tools.policy, tools.clock),
        locations=locations,
        held=archive.proofs.holder,
        pin_too=archive.desk.pin_too,
        audit=audit,
        changed=changed,
    )
