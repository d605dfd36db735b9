"""The places that can hold copies, and what each may receive: a node's own folder, and each external drive."""

from __future__ import annotations

from collections.abc import Iterator

from config.types import DataType, Decision, DriveSpec, NodeSpec, Policy


def places(policy: Policy) -> Iterator[tuple[NodeSpec, DriveSpec | None]]:
    """Yield every node's own folder (drive None) and then its drives, in the order of the file."""
    for node in policy.nodes.values():
        yield node, None
        for drive in node.drives:
            yield node, drive


def decision_at(policy: Policy, node: NodeSpec, drive: DriveSpec | None, data_type: DataType) -> Decision:
    """Return whether this very place receives a data type; a host that receives may do so on a drive only."""
    decision = policy.receives(node.node_id, data_type)
    if not decision.receives:
        return decision
    if drive is None and decision.external_only:
        return Decision(False, f"only on external storage: {decision.because}", decision.line)
    if drive is not None and data_type not in drive.subdirs:
        return Decision(False, f"external storage {drive.path} does not receive {data_type.value}", drive.line)
    return decision
