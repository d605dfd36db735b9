"""What a lint rule is: an id, how much it matters, how to mend it, and a pure function that finds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from config.document import Document, Mark, Path
from config.schema.cluster import ClusterFile
from config.schema.host import Host
from config.types import LintFinding, Policy, Severity


@dataclass(frozen=True, slots=True)
class Context:
    """What rules look at: the text with its lines, the validated file, and what it resolves to."""

    document: Document
    cluster: ClusterFile
    policy: Policy

    def hosts(self) -> Iterator[tuple[str, Host, Path]]:
        """Yield every host with its name and its path in the file."""
        for name, host in self.cluster.hosts.items():
            yield name, host, ("hosts", name)

    def ready_hosts(self) -> Iterator[tuple[str, Host, Path]]:
        """Yield the hosts that may receive and are expected to answer."""
        return ((name, host, path) for name, host, path in self.hosts() if self.policy.nodes[name].ready)

    def status_of(self, name: str) -> str:
        """Return what the file says of a host's status, in words for a message."""
        return f"status: {self.policy.nodes[name].status}" if self.cluster.hosts[name].status else "no status"

    def line(self, path: Path) -> int:
        """Return the line of a path, for naming it in a message."""
        return self.document.mark(path).line


@dataclass(frozen=True, slots=True)
class Hit:
    """One place where a rule found something: a path, or a mark. ``remedy`` None stands for the rule's own.

    ``suggestion`` is what is meant, where a word is misspelt; ``other`` the other line of a contradiction.
    """

    at: Path | Mark
    message: str
    remedy: str | None = None
    suggestion: str | None = None
    other: Path | None = None


Check = Callable[[Context], Iterable[Hit]]


@dataclass(frozen=True, slots=True)
class LintRule:
    """One rule. ``summary`` and ``remedy`` are also what the documentation shows."""

    id: str
    severity: Severity
    summary: str
    remedy: str
    check: Check

    def findings(self, context: Context) -> Iterator[LintFinding]:
        """Yield what the rule finds in one file."""
        for hit in self.check(context):
            mark = hit.at if isinstance(hit.at, Mark) else context.document.mark(hit.at)
            yield LintFinding(
                rule=self.id,
                severity=self.severity,
                file=context.document.file,
                line=mark.line,
                column=mark.column,
                message=hit.message,
                remedy=hit.remedy or self.remedy,
                key="" if isinstance(hit.at, Mark) else context.document.dotted(hit.at),
            )


def both(context: Context, first: Path, second: Path, message: str, remedy: str | None = None) -> Iterator[Hit]:
    """Yield a contradiction between two lines: one hit on each, naming the other."""
    yield Hit(first, f"{message}; see line {context.line(second)}", remedy, other=second)
    yield Hit(second, f"{message}; see line {context.line(first)}", remedy, other=first)
