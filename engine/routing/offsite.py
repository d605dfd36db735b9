"""Whether an entry survives the loss of a whole provider: pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from config.types import Policy
from engine.catalog.roots import landing_locations
from engine.model import DataEntry, LocationView


class OffSite(StrEnum):
    """``NOT_CONFIGURED``: no durable place of another provider receives this type, so there is none to wait for."""

    YES = "yes"
    NO = "no"
    NOT_CONFIGURED = "not configured"


def off_site(entry: DataEntry, policy: Policy, locations: Mapping[str, LocationView]) -> OffSite:
    """Return whether a verified current copy is on a durable place of another provider than the origin's.

    Where a name has no origin, whether such copies are at two providers.
    """
    verified = {
        view.provider
        for replica in entry.replicas
        if entry.is_current(replica) and replica.verified_at is not None
        if (view := locations.get(replica.location)) is not None and view.durable
    }
    origin = policy.nodes.get(entry.key.origin)
    if (verified - {origin.provider}) if origin is not None else len(verified) > 1:
        return OffSite.YES
    reachable = {
        node.provider
        for node in policy.nodes.values()
        if node.durable and landing_locations(policy, node.node_id, entry.data_type)
    }
    home = {origin.provider} if origin is not None else set(sorted(verified)[:1] or sorted(reachable)[:1])
    return OffSite.NO if reachable - home else OffSite.NOT_CONFIGURED
