"""From a host of the file to a ``NodeSpec``: the facts that its keys, or their absence, amount to."""

from __future__ import annotations

from collections.abc import Mapping

from config.document import Document
from config.schema.cluster import ClusterFile
from config.schema.host import Host
from config.schema.sections import ExternalStorage
from config.types import Address, DataType, DriveSpec, NodeSpec

SSH_PORT = 22

RENTED_PREFIXES = ("vast-", "runpod-", "spot-", "preempt-")
"""Names of machines that vanish, where ``is_ephemeral`` does not say."""

_PROVIDER_PREFIXES = {
    "vast-": "vast",
    "runpod-": "runpod",
    "nebius-": "nebius",
    "vultr-": "vultr",
    "hetzner-": "hetzner",
    "lambda-": "lambda",
    "mac-studio": "local",
    "macbook": "local",
    "localhost": "local",
}
_NO_GPU = frozenset({"", "none", "null"})
_LOOPBACK_NAMES = frozenset({"localhost", "::1", "ip6-localhost", "localhost.localdomain"})
_UNLISTED_ATTRIBUTES = frozenset({"ssh_key", "venv_activate", "note"})
"""Text of a host that is no use to a selector, or nobody else's business."""


def build_nodes(document: Document, cluster: ClusterFile) -> dict[str, NodeSpec]:
    """Return every host of the file as a ``NodeSpec``, in the order of the file."""
    priority = frozenset(cluster.routing.priority_hosts or ())
    return {name: _node(document, cluster, name, host, name in priority) for name, host in cluster.hosts.items()}


def _node(document: Document, cluster: ClusterFile, name: str, host: Host, priority: bool) -> NodeSpec:
    switch = (cluster.plane.nodes or {}).get(name)
    return NodeSpec(
        node_id=name,
        line=document.mark(("hosts", name)).line,
        status=status_of(host),
        role=role_of(host),
        provider=provider_of(name),
        region=host.region,
        ephemeral=is_ephemeral(name, host),
        training=is_training(host),
        selfplay=_explicit_or_role(host.selfplay_enabled, host, "selfplay"),
        gpu=has_gpu(host.gpu),
        priority=priority,
        coordinator=is_coordinator(host),
        nat_blocked=bool(host.nat_blocked),
        force_relay_mode=bool(host.force_relay_mode),
        addresses=addresses_of(host),
        user=user_of(host),
        identity_file=host.ssh_key or None,
        root=root_of(host),
        storage_paths=_storage_paths(host),
        drives=drives_of(document, cluster, name),
        enabled=switch is None or switch.enabled is not False,
        attributes=_attributes(host),
    )


def status_of(host: Host) -> str:
    """Return the status in lower case; ``unknown`` when there is none, which receives nothing."""
    return (host.status or "").strip().lower() or "unknown"


def role_of(host: Host) -> str:
    """Return the role in lower case, empty when there is none."""
    return (host.role or "").strip().lower()


def provider_of(name: str) -> str:
    """Return the provider, which only the name tells: ``unknown`` for a name of no known kind."""
    lowered = name.lower()
    return next((provider for prefix, provider in _PROVIDER_PREFIXES.items() if lowered.startswith(prefix)), "unknown")


def is_ephemeral(name: str, host: Host) -> bool:
    """Return whether copies on this host do not count, because it may vanish."""
    if host.is_ephemeral is not None:
        return host.is_ephemeral
    return host.vast_instance_id is not None or name.lower().startswith(RENTED_PREFIXES)


def is_training(host: Host) -> bool:
    """Return whether the host trains: it says so, or is silent and its role holds the word."""
    return _explicit_or_role(host.training_enabled, host, "training")


def is_coordinator(host: Host) -> bool:
    """Return whether the host coordinates, and so keeps games and NPZ on external storage only."""
    return role_of(host) == "coordinator" or bool(host.is_coordinator)


def has_gpu(gpu: str | bool | int | None) -> bool:
    """Return whether ``gpu`` names one: ``none``, ``None``, an empty text and null do not."""
    return bool(gpu) and str(gpu).strip().lower() not in _NO_GPU


def root_of(host: Host) -> str | None:
    """Return the folder that holds ``data/`` and ``models/``, exactly as written but for a trailing slash."""
    path = (host.ringrift_path or "").strip()
    return (path.rstrip("/") or "/") if path else None


def addresses_of(host: Host) -> tuple[Address, ...]:
    """Return the addresses in the order of trying: Tailscale's on port 22, then ssh_host on its own port."""
    wanted = [(host.tailscale_ip, SSH_PORT), (host.ssh_host, host.ssh_port or SSH_PORT)]
    found = [Address(_bare(address), port) for address, port in wanted if address and _bare(address)]
    return tuple(dict.fromkeys(found))


def user_of(host: Host) -> str | None:
    """Return the login: ``ssh_user``, else the one written as ``user@host``."""
    if host.ssh_user:
        return host.ssh_user
    user, separator, _ = (host.ssh_host or "").rpartition("@")
    return user if separator and user else None


def is_loopback(address: str) -> bool:
    """Return whether an address means the machine it is used on."""
    bare = _bare(address).lower()
    return bare in _LOOPBACK_NAMES or bare.startswith("127.")


def drives_of(document: Document, cluster: ClusterFile, name: str) -> tuple[DriveSpec, ...]:
    """Return the external drives of a host; ``subdirs`` has exactly the types that the drive receives."""
    drives = []
    for index, item in enumerate(cluster.routing.allowed_external_storage or ()):
        if item.host == name:
            line = document.mark(("sync_routing", "allowed_external_storage", index)).line
            drives.append(DriveSpec(name, item.path.rstrip("/") or "/", drive_subdirs(item), line))
    return tuple(drives)


def drive_subdirs(item: ExternalStorage) -> dict[DataType, str]:
    """Return the folder of each type that a drive receives; checkpoints lie with the models."""
    subdirs = item.subdirs
    models = (subdirs.models if subdirs else None) or "models"
    wanted = {
        DataType.GAMES: (item.receive_games, (subdirs.games if subdirs else None) or "games"),
        DataType.NPZ: (item.receive_npz, (subdirs.npz if subdirs else None) or "npz"),
        DataType.MODELS: (item.receive_models, models),
        DataType.CHECKPOINT: (item.receive_models, (subdirs.checkpoint if subdirs else None) or models),
    }
    return {kind: folder.strip("/") for kind, (receives, folder) in wanted.items() if receives is not False}


def _explicit_or_role(explicit: bool | None, host: Host, word: str) -> bool:
    return explicit if explicit is not None else word in role_of(host)


def _bare(address: str) -> str:
    return address.rpartition("@")[2].strip()


def _storage_paths(host: Host) -> Mapping[str, str]:
    if host.storage_paths is None:
        return {}
    return {key: value for key, value in host.storage_paths.model_dump().items() if isinstance(value, str) and value}


def _attributes(host: Host) -> dict[str, str]:
    """Return every plain value of the host as text, known or not: what selectors may ask for."""
    attributes: dict[str, str] = {}
    for key, value in host.model_dump(exclude_none=True).items():
        if key in _UNLISTED_ATTRIBUTES or not isinstance(value, str | int | float | bool):
            continue
        text = f"{value:g}" if isinstance(value, float) else str(value)
        attributes[str(key).lower()] = text.lower() if isinstance(value, bool) else text
    if not has_gpu(host.gpu):
        attributes.pop("gpu", None)
    return attributes
