"""Runs every check over one file: what YAML says, what the schema says, what the rules find."""

from __future__ import annotations

from pathlib import Path

from config.document import Document, parse_document
from config.effective import resolve
from config.lint.registry import RULES
from config.lint.rule import Context
from config.schema.cluster import ClusterFile
from config.source import read_text
from config.types import LintFinding, Policy
from config.validate import validate


def lint(source: Path | str, file_name: str | None = None) -> list[LintFinding]:
    """Return everything that is wrong or odd with a file, in the order of its lines.

    ``source`` is a path to read, or (as ``str``) the text itself. Never raises for bad content; raises
    ``ConfigError`` when the file cannot be read or is not a mapping with hosts.
    """
    text = read_text(source) if isinstance(source, Path) else source
    document = parse_document(text, file_name or (str(source) if isinstance(source, Path) else "<text>"))
    cluster, schema_findings = validate(document)
    return lint_document(document, cluster, schema_findings)


def lint_document(
    document: Document,
    cluster: ClusterFile | None,
    schema_findings: tuple[LintFinding, ...],
    policy: Policy | None = None,
) -> list[LintFinding]:
    """Return all findings of a document that was validated already; ``policy`` where it is resolved already."""
    findings = [*document.findings, *schema_findings]
    if cluster is not None:
        context = Context(document, cluster, policy or resolve(document, cluster))
        for rule in RULES:
            findings.extend(rule.findings(context))
    return sorted(set(findings), key=lambda finding: (finding.line, finding.column, finding.rule, finding.message))
