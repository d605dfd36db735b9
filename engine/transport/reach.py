"""Under which addresses one node's data server may be asked by another, or why under none: pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from config.types import HttpSettings, NodeSpec
from engine.remote.types import Endpoint

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ways:
    """What decides whether a node can be asked directly. ``hosts``: its addresses as written, the tailnet's first."""

    node_id: str
    hosts: tuple[str, ...]
    local: bool = False
    nat_blocked: bool = False
    relay_only: bool = False


def ways_of(endpoint: Endpoint, nodes: Mapping[str, NodeSpec]) -> Ways:
    """Return the ways to a node: as the configuration has them, else by what SSH uses."""
    node = nodes.get(endpoint.node_id)
    if node is None:
        return Ways(endpoint.node_id, tuple(address.host for address in endpoint.addresses), endpoint.local)
    hosts = tuple(dict.fromkeys(address.host for address in node.addresses))
    return Ways(node.node_id, hosts, endpoint.local, node.nat_blocked, node.force_relay_mode)


def forbidden(server: Ways, reader: Ways, settings: HttpSettings) -> str | None:
    """Return why these two must not talk directly whatever their addresses, or None."""
    if not settings.enabled:
        return "it is switched off (data_plane.http.enabled)"
    return None if server.node_id == reader.node_id else apart(server, reader)


def apart(server: Ways, reader: Ways) -> str | None:
    """Return why one node must not connect to another, as the configuration has it, or None."""
    for ways in (server, reader):
        if ways.relay_only:
            return f"{ways.node_id} is in force_relay_mode: nothing goes to or from it directly"
    if server.nat_blocked:
        return f"{server.node_id} is nat_blocked: no other node can connect to it"
    return None


def candidates(
    server: Ways, reader: Ways, numeric: Mapping[str, Sequence[str]], settings: HttpSettings
) -> tuple[str, ...]:
    """Return the numeric addresses worth trying, best first. ``numeric`` holds what each host's name resolves to.

    Loopback comes first where both seem to be one machine; whether that is so, the probe tells.
    """
    trusted = TrustedNetworks(settings.networks)
    theirs = [ip for host in server.hosts for ip in numeric.get(host, ()) if ip in trusted]
    ours = [ip for host in reader.hosts for ip in numeric.get(host, ()) if ip in trusted]
    here = server.node_id == reader.node_id or bool(set(theirs) & set(ours))
    here = here or (_is_here(server, theirs) and _is_here(reader, ours))
    apart = [ip for ip in theirs if not is_loopback(ip)]
    return tuple(dict.fromkeys([LOOPBACK, *apart] if here else apart))


def no_common_network(server: Ways, reader: Ways) -> str:
    """Return the words for a pair without a candidate."""
    listed = ", ".join(server.hosts) or "it has none"
    return (
        f"{server.node_id} has no address that {reader.node_id} could use unencrypted ({listed}); "
        "data_plane.http.networks may name more networks"
    )


def bracketed(address: str) -> str:
    """Return a numeric address as it stands in a URL."""
    return f"[{address}]" if ":" in address else address


def is_loopback(address: str) -> bool:
    """Return whether a numeric address means the machine it is used on."""
    return ipaddress.ip_address(address).is_loopback


def _is_here(ways: Ways, numeric: Iterable[str]) -> bool:
    return ways.local or any(is_loopback(ip) for ip in numeric)


class TrustedNetworks:
    """The networks in which plain HTTP may be used."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(network) for network in networks]

    def __contains__(self, address: str) -> bool:
        ip = ipaddress.ip_address(address)
        mapped = getattr(ip, "ipv4_mapped", None)
        return any((mapped or ip) in network for network in self._networks)
