"""How hosts are reached: addresses that are missing, shared, or that mean another machine."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Hashable, Iterator

from config.document import Path
from config.lint.rule import Context, Hit, LintRule, both
from config.nodes import SSH_PORT, addresses_of, is_loopback
from config.schema.host import Host
from config.types import Severity

_TAILNET = (ipaddress.ip_network("100.64.0.0/10"), ipaddress.ip_network("fd7a:115c:a1e0::/48"))
"""The ranges that Tailscale gives addresses from (tailscale.com/kb/1015/100.x-addresses)."""


_WITH_PORT = re.compile(r"[^:\[\]]+:\d*|\[.*\]:\d*")
_OCTAL = re.compile(r"(?=.*(?:^|\.)0\d)\d+(?:\.\d+){3}")
_NOWHERE = ("0.0.0.0", "::", "[::]")


def _bare(address: str | None) -> str:
    return (address or "").rpartition("@")[2].strip()


def _ip(address: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(_bare(address))
    except ValueError:
        return None


def _in_tailnet(address: str | None) -> bool:
    ip = _ip(address)
    return ip is not None and any(ip in network for network in _TAILNET)


def _is_here(host: Host) -> bool:
    """Return whether a host says localhost; one on another port is a tunnel or a lab, and another machine."""
    return is_loopback(host.ssh_host or "") and (host.ssh_port or SSH_PORT) == SSH_PORT


def _no_address(context: Context) -> Iterator[Hit]:
    for name, host, path in context.ready_hosts():
        if not addresses_of(host) and name != context.cluster.plane.node_id:
            yield Hit(path, f"{name} has neither tailscale_ip nor ssh_host: nothing can reach it")


def _no_tailscale_ip(context: Context) -> Iterator[Hit]:
    for name, host, path in context.ready_hosts():
        apart = is_loopback(host.ssh_host or "") or _in_tailnet(host.ssh_host) or host.nat_blocked
        if not host.tailscale_ip and host.ssh_host and not apart:
            yield Hit((*path, "ssh_host"), f"{name} has no tailscale_ip: ssh_host is the only way in")


def _nat_blocked(context: Context) -> Iterator[Hit]:
    for name, host, path in context.ready_hosts():
        if host.nat_blocked and not host.tailscale_ip and not _in_tailnet(host.ssh_host):
            yield Hit((*path, "nat_blocked"), f"{name} is nat_blocked and has no tailscale_ip: it may be unreachable")


def _private_address(context: Context) -> Iterator[Hit]:
    for name, host, path in context.ready_hosts():
        ip = _ip(host.ssh_host)
        private = (
            ip is not None and ip.is_private and not ip.is_loopback and str(ip).startswith(("10.", "172.", "192.168."))
        )
        if private and not host.tailscale_ip:
            yield Hit(
                (*path, "ssh_host"), f"{name} has only the private address {ip}, which other networks cannot reach"
            )


def _odd_tailscale_ip(context: Context) -> Iterator[Hit]:
    for name, host, path in context.hosts():
        if host.tailscale_ip and not _in_tailnet(host.tailscale_ip) and not is_loopback(host.tailscale_ip):
            known = "is not in 100.64.0.0/10" if _ip(host.tailscale_ip) else "is no IP address"
            yield Hit((*path, "tailscale_ip"), f"tailscale_ip {host.tailscale_ip} of {name} {known}; it is tried first")


def _odd_ssh_host(context: Context) -> Iterator[Hit]:
    for name, host, path in context.hosts():
        bare = _bare(host.ssh_host)
        if _WITH_PORT.fullmatch(bare):
            problem, remedy = "holds a port, and is looked up with it", "write the port as ssh_port"
        elif _OCTAL.fullmatch(bare):
            problem, remedy = "has a leading zero, which makes a number octal: another machine", "remove the zeros"
        elif bare in _NOWHERE:
            problem, remedy = "is this very machine, whichever asks", "write the address of the host"
        else:
            continue
        yield Hit((*path, "ssh_host"), f"ssh_host {host.ssh_host} of {name} {problem}", remedy)


def _shared(context: Context, key: str, address: Callable[[Host], tuple[Hashable, str] | None]) -> Iterator[Hit]:
    """Yield a hit on every host that has an address of another one."""
    groups: dict[Hashable, list[tuple[str, Path, str]]] = {}
    for name, host, path in context.hosts():
        found = address(host)
        if found is not None:
            groups.setdefault(found[0], []).append((name, (*path, key), found[1]))
    for members in groups.values():
        for name, path, shown in members if len(members) > 1 else ():
            others = ", ".join(f"{other} (line {context.line(at)})" for other, at, _ in members if other != name)
            yield Hit(path, f"{name} has {key} {shown}, and so has {others}: data for one would reach the other")


def _duplicate_tailscale_ip(context: Context) -> Iterator[Hit]:
    def address(host: Host) -> tuple[Hashable, str] | None:
        ip = _ip(host.tailscale_ip)
        return (ip, str(ip)) if ip is not None else None

    return _shared(context, "tailscale_ip", address)


def _duplicate_ssh_address(context: Context) -> Iterator[Hit]:
    def address(host: Host) -> tuple[Hashable, str] | None:
        bare, port = _bare(host.ssh_host), host.ssh_port or SSH_PORT
        return None if not bare or _is_here(host) else ((bare.lower(), port), f"{bare} port {port}")

    return _shared(context, "ssh_host", address)


def _loopback_host(context: Context) -> Iterator[Hit]:
    for name, host, path in context.hosts():
        if _is_here(host) and not host.tailscale_ip:
            message = f"{name} says {host.ssh_host} and has no tailscale_ip: only an engine on {name} itself reaches it"
            yield Hit((*path, "ssh_host"), message)


def _loopback_elsewhere(context: Context) -> Iterator[Hit]:
    own = context.cluster.plane.node_id
    for name, host, path in context.hosts():
        if own and name != own and _is_here(host):
            message = f"{name} says {host.ssh_host}, but the engine runs on {own}: that address is {own} itself"
            yield from both(context, (*path, "ssh_host"), ("data_plane", "node_id"), message)


def _two_loopback_hosts(context: Context) -> Iterator[Hit]:
    here = [(name, (*path, "ssh_host")) for name, host, path in context.hosts() if _is_here(host)]
    for name, path in here if len(here) > 1 else ():
        others = ", ".join(f"{other} (line {context.line(at)})" for other, at in here if other != name)
        yield Hit(path, f"{name} says localhost, and so does {others}: both would be the same machine")


def _ssh_proxy_ignored(context: Context) -> Iterator[Hit]:
    for name, host, path in context.hosts():
        if host.ssh_proxy:
            yield Hit((*path, "ssh_proxy"), f"ssh_proxy of {name} is not used: its addresses are tried directly")


RULES = (
    LintRule(
        "no-address", Severity.WARNING, "a ready host has no address", "add tailscale_ip or ssh_host", _no_address
    ),
    LintRule(
        "no-tailscale-ip",
        Severity.NOTE,
        "a ready host can be reached in one way only",
        "add its tailscale_ip, so that a second way is tried first",
        _no_tailscale_ip,
    ),
    LintRule(
        "nat-blocked-without-tailscale",
        Severity.WARNING,
        "a ready host is nat_blocked and has no tailscale_ip",
        "join it to the tailnet and add its tailscale_ip",
        _nat_blocked,
    ),
    LintRule(
        "private-address-only",
        Severity.WARNING,
        "a ready host has only a private ssh_host and no tailscale_ip",
        "add its tailscale_ip, or a ProxyJump in the file that data_plane.ssh.config names",
        _private_address,
    ),
    LintRule(
        "odd-tailscale-ip",
        Severity.WARNING,
        "a tailscale_ip that Tailscale does not give out",
        "copy it from `tailscale ip -4` on that host",
        _odd_tailscale_ip,
    ),
    LintRule(
        "odd-ssh-host",
        Severity.WARNING,
        "an ssh_host with a port in it, with numbers that begin with zero, or that is no machine's",
        "write the bare address or name, and the port as ssh_port",
        _odd_ssh_host,
    ),
    LintRule(
        "duplicate-tailscale-ip",
        Severity.ERROR,
        "two hosts have the same tailscale_ip",
        "copy each from `tailscale ip -4` on that host",
        _duplicate_tailscale_ip,
    ),
    LintRule(
        "duplicate-ssh-address",
        Severity.ERROR,
        "two hosts have the same ssh_host and port",
        "correct the address of the one, or remove the host that is gone",
        _duplicate_ssh_address,
    ),
    LintRule(
        "loopback-host",
        Severity.NOTE,
        "a host says localhost and has no tailscale_ip",
        "nothing, where the engine runs on that host; else give it an address that others can use",
        _loopback_host,
    ),
    LintRule(
        "loopback-elsewhere",
        Severity.ERROR,
        "a host says localhost, but data_plane.node_id names another one",
        "give the host the address under which the engine's node reaches it",
        _loopback_elsewhere,
    ),
    LintRule(
        "two-loopback-hosts",
        Severity.ERROR,
        "two hosts say localhost on the same port",
        "give all but the engine's own node a real address",
        _two_loopback_hosts,
    ),
    LintRule(
        "ssh-proxy-ignored",
        Severity.WARNING,
        "a host has ssh_proxy, which syncdeck does not use",
        "put a ProxyJump for the address into the file that data_plane.ssh.config names",
        _ssh_proxy_ignored,
    ),
)
