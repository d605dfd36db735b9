"""From a file to the one policy, or to the reason why it cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from config.document import Document, parse_document
from config.effective import resolve
from config.errors import ConfigError
from config.lint import lint_document
from config.source import find_config, read_text
from config.types import LintFinding, Policy
from config.validate import validate

__all__ = ["LoadedConfig", "find_config", "load", "load_text"]


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A usable file: its policy, the document it came from, and what lint has to say about it."""

    policy: Policy
    document: Document
    findings: tuple[LintFinding, ...]


def load(path: Path) -> LoadedConfig:
    """Return the policy of a file. Reads the disk; some 50 ms for forty hosts, so call it in a thread.

    Raises ``ConfigError`` when the file cannot be read, is not a mapping with hosts, is not YAML, repeats a
    key, or holds a wrong type or value. Contradictions and traps are findings, and do not keep it from loading.
    """
    return load_text(read_text(path), str(path))


def load_text(text: str, file_name: str) -> LoadedConfig:
    """Return the policy of a file's text; raises ``ConfigError`` as ``load`` does."""
    document = parse_document(text, file_name)
    cluster, schema_findings = validate(document)
    blocking = (*document.findings, *schema_findings)
    if blocking or cluster is None:
        raise _unusable(document, blocking)
    policy = resolve(document, cluster)
    return LoadedConfig(policy, document, tuple(lint_document(document, cluster, (), policy)))


def _unusable(document: Document, findings: tuple[LintFinding, ...]) -> ConfigError:
    """Return the error of the first finding in the file, holding all of them."""
    ordered = tuple(sorted(findings, key=lambda finding: (finding.line, finding.column)))
    first = ordered[0]
    others = len(ordered) - 1
    more = f" (and {others} more {'error' if others == 1 else 'errors'})" if others else ""
    return ConfigError(document.file, first.line, first.column, first.key, first.message + more, first.remedy, ordered)
