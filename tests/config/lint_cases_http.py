"""What each lint rule of ``data_plane.http`` must find."""

from __future__ import annotations

from tests.config.cluster_text import cluster
from tests.config.lint_case import trap


def http(text: str) -> str:
    return cluster(sections="data_plane:\n  http:\n" + text)


SERVERS = "    servers:\n"

CASES = [
    trap(
        "public network",
        "http-public-network",
        http("    networks:\n      - 10.1.0.0/16\n      - 0.0.0.0/0\n"),
        "- 0.0.0.0/0",
    ),
    trap(
        "data server of nobody",
        "http-server-without-host",
        http(SERVERS + "      - node: vats-*\n        port: 8766\n        root: data\n"),
        "- node: vats-*",
    ),
    trap(
        "data server root that goes upwards",
        "http-server-root",
        http(SERVERS + "      - node: alpha\n        port: 8766\n        root: ../data\n"),
        "root: ../data",
    ),
    trap(
        "data server on our port",
        "http-port-taken",
        http("    port: 8766\n" + SERVERS + "      - port: 8766\n        node: alpha\n        root: data\n"),
        "- port: 8766",
    ),
    trap(
        "data servers, but http is off",
        "http-off-with-servers",
        http("    enabled: false\n" + SERVERS + "      - node: alpha\n        port: 8766\n        root: data\n"),
        "servers:",
    ),
]
