"""Cluster files for tests: the shortest text that is a sound file, and what can be added to it."""

from __future__ import annotations

import textwrap
from pathlib import Path

from config.lint import lint
from config.load import LoadedConfig, load_text

DATA = Path(__file__).parent / "data"
FLEET = DATA / "fleet_42_hosts.yaml"
TEMPLATE = DATA / "fleet_template.yaml"

HOST = {
    "ssh_host": "198.51.100.9",
    "tailscale_ip": "100.64.0.9",
    "ringrift_path": "/srv/fleet",
    "role": "gpu_selfplay",
    "status": "ready",
}


def host(name: str, number: int = 9, **changes: object) -> str:
    """Return one host as YAML lines; a change of None takes the key away, any other value is written as it is."""
    keys: dict[str, object] = {
        **HOST,
        "ssh_host": f"198.51.100.{number}",
        "tailscale_ip": f"100.64.0.{number}",
        **changes,
    }
    lines = [f"    {key}: {value}" for key, value in keys.items() if value is not None]
    return "\n".join([f"  {name}:", *lines, ""])


def cluster(*hosts: str, sections: str = "") -> str:
    """Return a whole file: sections first, then the hosts."""
    return textwrap.dedent(sections).lstrip("\n") + "hosts:\n" + "".join(hosts or (host("alpha"),))


def loaded(*hosts: str, sections: str = "") -> LoadedConfig:
    """Return what loading such a file gives."""
    return load_text(cluster(*hosts, sections=sections), "fleet.yaml")


def rules_at(text: str) -> set[tuple[str, str]]:
    """Return (rule, the text of its line) of all findings: which line is blamed for what."""
    lines = text.splitlines()
    return {(finding.rule, lines[finding.line - 1].strip()) for finding in lint(text, "fleet.yaml")}


def rule_ids(text: str) -> set[str]:
    """Return the ids of all findings."""
    return {finding.rule for finding in lint(text, "fleet.yaml")}
