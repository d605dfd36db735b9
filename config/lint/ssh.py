"""``data_plane.ssh``: what forwarding the operator's ssh-agent means, and where it means more than it is worth."""

from __future__ import annotations

from collections.abc import Iterator

from config.document import Path
from config.globs import glob_matches
from config.lint.rule import Context, Hit, LintRule
from config.types import Severity

_FORWARD: Path = ("data_plane", "ssh", "forward_agent")


def _patterns(context: Context) -> tuple[str, ...]:
    return context.policy.engine.ssh.forward_agent


def _hosts_of(context: Context, pattern: str) -> list[str]:
    return [name for name in context.cluster.hosts if glob_matches(name, pattern)]


def _hosts(context: Context) -> list[str]:
    found = {name for pattern in _patterns(context) for name in _hosts_of(context, pattern)}
    return [name for name in context.cluster.hosts if name in found]


def _forwarded(context: Context) -> Iterator[Hit]:
    hosts = _hosts(context)
    if hosts:
        listed = f"{', '.join(hosts[:4])}{' and others' if len(hosts) > 4 else ''}"
        yield Hit(_FORWARD, f"whoever is root on {listed} can log in with your ssh-agent's keys while it streams")


def _forwarded_to_rented(context: Context) -> Iterator[Hit]:
    rented = [name for name in _hosts(context) if context.policy.nodes[name].ephemeral]
    if rented:
        yield Hit(_FORWARD, f"the ssh-agent is forwarded to {', '.join(rented[:4])}, which somebody else owns")


def _forwarded_to_nobody(context: Context) -> Iterator[Hit]:
    for index, pattern in enumerate(_patterns(context)):
        if not _hosts_of(context, pattern):
            listed = context.document.has((*_FORWARD, index))
            yield Hit((*_FORWARD, index) if listed else _FORWARD, f"forward_agent's {pattern} matches no host")


RULES = (
    LintRule(
        "agent-forwarding",
        Severity.NOTE,
        "the operator's ssh-agent is forwarded to hosts",
        "nothing, if they are yours; `ssh-add -h` binds a key to hosts, `ssh-add -c` asks before each use",
        _forwarded,
    ),
    LintRule(
        "agent-forwarding-to-rented-host",
        Severity.WARNING,
        "the operator's ssh-agent is forwarded to a rented host, whose owner could use its keys",
        "list only your own hosts in data_plane.ssh.forward_agent: streams of the others go through the engine",
        _forwarded_to_rented,
    ),
    LintRule(
        "agent-forwarding-without-host",
        Severity.WARNING,
        "a pattern of data_plane.ssh.forward_agent matches no host",
        "correct the pattern, or remove it",
        _forwarded_to_nobody,
    ),
)
