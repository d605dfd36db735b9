"""``data_plane.http``: networks that are not private, and file servers that cannot serve."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from config.document import Path
from config.globs import glob_matches
from config.http import TRUSTED_NETWORKS
from config.lint.rule import Context, Hit, LintRule
from config.schema.http import Http, HttpServer
from config.types import Severity

_HTTP: Path = ("data_plane", "http")


def _section(context: Context) -> Http:
    return context.cluster.plane.http or Http()


def _servers(context: Context) -> Iterator[tuple[HttpServer, Path]]:
    for index, item in enumerate(_section(context).servers or ()):
        yield item, (*_HTTP, "servers", index)


def _hosts_of(context: Context, item: HttpServer) -> list[str]:
    return [name for name in context.cluster.hosts if glob_matches(name, item.node)]


def _public_network(context: Context) -> Iterator[Hit]:
    for index, written in enumerate(_section(context).networks or ()):
        network = ipaddress.ip_network(written)
        trusted = [ipaddress.ip_network(text) for text in TRUSTED_NETWORKS]
        if not any(network.version == one.version and network.subnet_of(one) for one in trusted):  # type: ignore[arg-type]
            yield Hit((*_HTTP, "networks", index), f"{written} is not private: whoever listens there can read the data")


def _server_without_host(context: Context) -> Iterator[Hit]:
    for item, path in _servers(context):
        if not _hosts_of(context, item):
            yield Hit((*path, "node"), f"the data server of {item.node} belongs to no host")


def _server_root(context: Context) -> Iterator[Hit]:
    for item, path in _servers(context):
        if not item.root or ".." in item.root.split("/") or item.root.startswith("~"):
            yield Hit((*path, "root"), f"the root {item.root!r} of the data server of {item.node} names no folder")


def _server_on_our_port(context: Context) -> Iterator[Hit]:
    ours = _section(context).port
    for item, path in _servers(context):
        if ours is not None and item.port == ours and _hosts_of(context, item):
            yield Hit((*path, "port"), f"the data server of {item.node} has port {ours}, which http.port gives to ours")


def _off_with_servers(context: Context) -> Iterator[Hit]:
    if _section(context).enabled is False and _section(context).servers:
        yield Hit((*_HTTP, "servers"), "http is off, so the data servers that are listed are not used")


RULES = (
    LintRule(
        "http-public-network",
        Severity.WARNING,
        "data_plane.http.networks names a network that is not private, and plain HTTP encrypts nothing",
        "name it only where something else encrypts, such as WireGuard; else remove it: the data then goes over SSH",
        _public_network,
    ),
    LintRule(
        "http-server-without-host",
        Severity.WARNING,
        "a data server's node matches no host",
        "correct the pattern, or remove the server",
        _server_without_host,
    ),
    LintRule(
        "http-server-root",
        Severity.WARNING,
        "a data server's root is empty, goes upwards or begins with ~",
        "write the folder that it serves: absolute, or relative to ringrift_path",
        _server_root,
    ),
    LintRule(
        "http-port-taken",
        Severity.WARNING,
        "a data server that runs already has the port that http.port gives to ours",
        "choose another http.port, or remove it: any free port is then used",
        _server_on_our_port,
    ),
    LintRule(
        "http-off-with-servers",
        Severity.WARNING,
        "http is switched off, but data servers are listed",
        "write enabled: true, or remove the servers",
        _off_with_servers,
    ),
)
