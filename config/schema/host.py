"""``hosts.<name>``: one machine."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from config.schema.base import Address, Anything, Number, Port, Section


class StoragePaths(Section):
    """Absolute folders in which a host keeps its data, by kind."""

    games: str | None = None
    models: str | None = None
    training_data: str | None = None
    checkpoints: str | None = None
    logs: str | None = None
    sync_incoming: str | None = None


class Host(Section):
    """One host, with every key that the users' files have had. Only some of them mean something to syncdeck."""

    ssh_host: Address | None = None
    ssh_port: Port | None = None
    ssh_user: Address | None = None
    ssh_key: str | None = None
    ssh_proxy: str | None = None
    tailscale_ip: Address | None = None
    tailscale_ipv6: str | None = None
    ringrift_path: str | None = None
    venv_activate: str | None = None
    memory_gb: Number | None = Field(None, ge=0)
    cpus: Number | None = Field(None, ge=0)
    gpu: str | bool | int | None = None
    gpu_vram_gb: Number | None = Field(None, ge=0)
    role: str | None = None
    status: str | None = None
    region: str | None = None
    note: Anything = None
    p2p_enabled: bool | None = None
    selfplay_enabled: bool | None = None
    training_enabled: bool | None = None
    gauntlet_enabled: bool | None = None
    export_enabled: bool | None = None
    is_container: bool | None = None
    is_ephemeral: bool | None = None
    is_coordinator: bool | None = None
    nat_blocked: bool | None = None
    force_relay_mode: bool | None = None
    skip_sync_receive: bool | None = None
    sync_to_mac_studio_owc: bool | None = None
    use_external_storage: bool | None = None
    external_storage_path: str | None = None
    storage_paths: StoragePaths | None = None
    needs_userspace_tailscale: bool | None = None
    socks5_port: Port | None = None
    disable_gpu_tree: bool | None = None
    cuda_capable: bool | None = None
    p2p_priority_boost: Anything = None
    p2p_public_port: Port | None = None
    p2p_voter: bool | None = None
    relay_primary: Anything = None
    relay_secondary: Anything = None
    relay_capable: bool | None = None
    vast_instance_id: str | int | None = None
    nebius_id: str | int | None = None
    runpod_id: str | int | None = None
    vultr_id: str | int | None = None
    hetzner_id: str | int | None = None
    aws_instance_id: str | int | None = None
    bandwidth_mbps: Number | None = None
    data_server_port: Port | None = None
    data_server_url: str | None = None
    preferred_workloads: Anything = None
    excluded_workloads: Anything = None
    storage_type: str | None = None


def _host_name(name: str) -> str:
    """A name becomes part of keys (``path@name``) and of places (``name:/drive``), so it holds none of these."""
    wrong = any(c in ":/@" or c.isspace() or not c.isprintable() for c in name)
    if wrong or not name or name.startswith("-") or name in (".", ".."):
        raise PydanticCustomError(
            "host-name",
            "{found} cannot be a host's name: no `:`, `/`, `@` or blanks, no leading `-`, not `.` or `..`",
            {"found": repr(name)},
        )
    return name


HostName = Annotated[str, AfterValidator(_host_name)]
