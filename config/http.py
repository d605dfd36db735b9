"""From ``data_plane.http`` to what the transports are told."""

from __future__ import annotations

from config.schema.http import Http
from config.types import HttpServerSpec, HttpSettings

TRUSTED_NETWORKS = (
    "127.0.0.0/8",
    "::1/128",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "fc00::/7",
)
"""Where plain HTTP stays among our own machines: loopback, private networks (RFC 1918, RFC 4193), the tailnet."""


def build_http(section: Http | None) -> HttpSettings:
    """Return the settings; a default where the file is silent."""
    default = HttpSettings()
    if section is None:
        return HttpSettings(networks=TRUSTED_NETWORKS)
    servers = tuple(
        HttpServerSpec(item.node, item.port, item.root.rstrip("/") or item.root, bool(item.prefer))
        for item in section.servers or ()
    )
    return HttpSettings(
        enabled=default.enabled if section.enabled is None else section.enabled,
        port=default.port if section.port is None else section.port,
        networks=tuple(dict.fromkeys((*TRUSTED_NETWORKS, *(section.networks or ())))),
        connections=default.connections if section.connections is None else section.connections,
        servers=servers,
    )
