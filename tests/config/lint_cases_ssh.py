"""What each lint rule of ``data_plane.ssh`` must find."""

from __future__ import annotations

from tests.config.cluster_text import cluster, host
from tests.config.lint_case import trap


def forward(text: str, *hosts: str) -> str:
    return cluster(*hosts, sections="data_plane:\n  ssh:\n    forward_agent: " + text)


CASES = [
    trap("agent forwarded", "agent-forwarding", forward("true\n"), "forward_agent: true"),
    trap(
        "agent forwarded to a rented host",
        "agent-forwarding-to-rented-host",
        forward("true\n", host("vast-1", 1)),
        "forward_agent: true",
    ),
    trap(
        "agent forwarded to nobody",
        "agent-forwarding-without-host",
        forward("\n      - tariner-*\n"),
        "- tariner-*",
    ),
]
