"""From a file to the one policy, or to the reason why it cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from config.document import Document, parse_document
from config.effective import resolve
from config.errors import ConfigError
from config.lint import lint_document
from config.lint.run import lint_rules_apart
from config.rules_file import RulesApart, parse_rules, read_rules, rules_path
from config.schema.cluster import ClusterFile
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
    apart: RulesApart | None = None
    """The file of rules, where ``data_plane.rules_file`` names one."""


def load(path: Path) -> LoadedConfig:
    """Return the policy of a file. Reads the disk; some 50 ms for forty hosts, so call it in a thread.

    Raises ``ConfigError`` when the file cannot be read, is not a mapping with hosts, is not YAML, repeats a
    key, or holds a wrong type or value. Contradictions and traps are findings, and do not keep it from loading.
    """
    return load_text(read_text(path), str(path))


def load_text(text: str, file_name: str, rules_text: str | None = None) -> LoadedConfig:
    """Return the policy of a file's text; raises ``ConfigError`` as ``load`` does.

    ``rules_text`` stands for the file of rules that the text names; without it that file is read.
    """
    document = parse_document(text, file_name)
    cluster, schema_findings = validate(document)
    blocking = (*document.findings, *schema_findings)
    if blocking or cluster is None:
        raise _unusable(document, blocking)
    apart = _apart(Path(file_name), cluster, rules_text)
    policy = resolve(document, cluster, apart)
    findings = lint_document(document, cluster, (), policy)
    if apart is not None:
        findings += lint_rules_apart(apart, cluster, policy)
    return LoadedConfig(policy, document, tuple(findings), apart)


def _apart(config_path: Path, cluster: ClusterFile, rules_text: str | None) -> RulesApart | None:
    path = rules_path(config_path, cluster)
    if path is None:
        return None
    apart, blocking = parse_rules(path, read_rules(path) if rules_text is None else rules_text)
    if blocking:
        raise _unusable(apart.document, blocking)
    return apart


def _unusable(document: Document, findings: tuple[LintFinding, ...]) -> ConfigError:
    """Return the error of the first finding in the file, holding all of them."""
    ordered = tuple(sorted(findings, key=lambda finding: (finding.line, finding.column)))
    first = ordered[0]
    others = len(ordered) - 1
    more = f" (and {others} more {'error' if others == 1 else 'errors'})" if others else ""
    return ConfigError(document.file, first.line, first.column, first.key, first.message + more, first.remedy, ordered)
