"""Which transports to try, in order: the users' own scenarios. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.model import Transport

CHAINS: Mapping[str, tuple[Transport, ...]] = {
    "small_file": (Transport.P2P, Transport.HTTP, Transport.BASE64),
    "large_file": (Transport.RSYNC, Transport.HTTP, Transport.BASE64),
    "s3_backup": (Transport.S3, Transport.RSYNC),
    "ephemeral_urgent": (Transport.RSYNC, Transport.BASE64),
}
"""The scenario chains of the users' design. The transport manager passes over what is not built, and puts the agent's
stream before base64 as a fallback. What ``s3_backup`` falls back to is a copy on the external drive: it counts as a
copy there, and never as off-site (``engine/routing/offsite.py``)."""

FAN_OUT_FROM = 3
"""So many places that want one content at the same time fetch it from each other, and its source sends it about once:
with two, rsync's two copies cost no more than what the peers have to be told of each other."""


def transport_chain(
    size_bytes: int,
    source_ephemeral: bool,
    target_ephemeral: bool,
    target_is_s3: bool,
    via: Sequence[Transport],
    large_threshold_bytes: int,
    targets: int = 1,
) -> tuple[Transport, ...]:
    """Return the transports to try, in order.

    A rule's ``via`` is all there is; else the scenario (S3, then an ephemeral node at either end) wins over the
    size, where only files above the threshold are large. Where ``targets`` places want the content at the same time,
    p2p goes before the scenario's own chain; not from an ephemeral source, whose files are to be saved by what is
    known to work (docs/decisions/0012-fan-out.md).
    """
    if via:
        return tuple(via)
    if target_is_s3:
        return CHAINS["s3_backup"]
    if source_ephemeral:
        return CHAINS["ephemeral_urgent"]
    size = "large_file" if size_bytes > large_threshold_bytes else "small_file"
    chain = CHAINS["ephemeral_urgent" if target_ephemeral else size]
    if targets >= FAN_OUT_FROM and Transport.P2P not in chain:
        return (Transport.P2P, *chain)
    return chain
