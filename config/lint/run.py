"""Runs every check over one file: what YAML says, what the schema says, what the rules find."""

from __future__ import annotations

from pathlib import Path

from config.document import Document, parse_document
from config.effective import resolve
from config.lint import keys, routing_rules
from config.lint.registry import RULES
from config.lint.rule import Context
from config.rules_file import RULES_KEY, RulesApart, lintable, parse_rules, read_rules, rules_path
from config.schema.cluster import ClusterFile
from config.source import read_text
from config.types import LintFinding, Policy, Severity
from config.validate import validate


def lint(source: Path | str, file_name: str | None = None) -> list[LintFinding]:
    """Return everything that is wrong or odd with a file, in the order of its lines.

    ``source`` is a path to read, or (as ``str``) the text itself. Never raises for bad content; raises
    ``ConfigError`` when the file cannot be read or is not a mapping with hosts.
    """
    text = read_text(source) if isinstance(source, Path) else source
    document = parse_document(text, file_name or (str(source) if isinstance(source, Path) else "<text>"))
    cluster, schema_findings = validate(document)
    path = rules_path(Path(document.file), cluster) if cluster is not None else None
    if cluster is None or path is None:
        return lint_document(document, cluster, schema_findings)
    apart, wrong = parse_rules(path, read_rules(path))
    policy = resolve(document, cluster, apart)
    findings = lint_document(document, cluster, schema_findings, policy)
    return [*findings, *wrong, *(lint_rules_apart(apart, cluster, policy) if not wrong else ())]


def lint_rules_apart(apart: RulesApart, cluster: ClusterFile, policy: Policy) -> list[LintFinding]:
    """Return what is odd with a file of rules, with its own lines; ``policy`` is that of both files."""
    context = Context(*lintable(apart, cluster, policy))
    own = {f"{RULES_KEY}", f"sync_routing.{RULES_KEY}"}
    findings = [
        finding
        for rule in (*routing_rules.RULES, *keys.RULES)
        for finding in rule.findings(context)
        if any(finding.key.startswith(prefix) for prefix in own)
    ]
    names = {rule.name: rule for rule in policy.rules if not rule.file and rule.line is not None}
    for index, found in enumerate(apart.rules):
        if found.name in names:
            mark = apart.document.mark((RULES_KEY, index))
            message = f"two rules are called {found.name}; line {names[found.name].line} of {policy.file} has the other"
            findings.append(
                LintFinding(
                    "rule-repeated-name",
                    Severity.WARNING,
                    apart.document.file,
                    mark.line,
                    mark.column,
                    message,
                    "rename one",
                    f"{RULES_KEY}[{index + 1}]",
                )
            )
    return sorted(set(findings), key=lambda finding: (finding.line, finding.column, finding.rule, finding.message))


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
        wrong = {finding.key for finding in schema_findings}
        for rule in RULES:
            # What is wrong was left out for the rules, which must not call it absent.
            findings.extend(finding for finding in rule.findings(context) if finding.key not in wrong)
    return sorted(set(findings), key=lambda finding: (finding.line, finding.column, finding.rule, finding.message))
