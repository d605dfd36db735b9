"""What is wrong with a draft, in its own lines: its form, and what lint says of the file that it would make. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from config.document import Mark, parse_document
from config.errors import ConfigError
from config.load import LoadedConfig
from config.schema.rule import Rule
from config.types import LintFinding, Severity
from config.validate import validate_section
from engine.rules.texts import Planned, RuleTexts
from engine.views_rules import RuleNote

_SEVERITIES = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


def form_notes(yaml: str) -> tuple[RuleNote, ...]:
    """Return what keeps a draft from being a rule at all."""
    document = parse_document(yaml, "the draft")
    findings = document.findings or (() if document.data is None else validate_section(document, Rule)[1])
    return tuple(_note(finding, finding.line, finding.column) for finding in findings)


def lint_notes(plan: Planned, texts: RuleTexts, before: LoadedConfig, after: LoadedConfig) -> tuple[RuleNote, ...]:
    """Return what lint says of the new file and did not say of the old one, and all that it says of the rule.

    Lines are those of the draft; for what is elsewhere the line is 0 and the message names the file's.
    """
    known = {_identity(finding) for finding in before.findings}
    rule = _rule_span(plan, texts, after)
    notes = []
    for finding in after.findings:
        inside = rule is not None and finding.file == str(plan.path) and rule[0].line <= finding.line <= rule[1]
        if inside and rule is not None:
            line = finding.line - rule[0].line + rule[2]
            notes.append(_note(finding, line, max(1, finding.column - rule[0].column + 1)))
        elif _identity(finding) not in known:
            where = f"{Path(finding.file).name}:{finding.line}: {finding.message}"
            notes.append(RuleNote(finding.severity.value, 0, 0, where, finding.remedy))
    return tuple(notes)


def new_errors(before: LoadedConfig, after: LoadedConfig) -> Iterator[LintFinding]:
    """Yield the errors that the new file has and the old one had not."""
    known = {_identity(finding) for finding in before.findings}
    for finding in after.findings:
        if finding.severity is Severity.ERROR and _identity(finding) not in known:
            yield finding


def refused_note(error: ConfigError) -> RuleNote:
    """Return why the file that a draft makes could not be used."""
    return RuleNote("error", 0, 0, f"{Path(error.file).name}:{error.line or 1}: {error.cause}", error.remedy)


def all_notes(loaded: LoadedConfig) -> tuple[RuleNote, ...]:
    """Return everything that lint says of a configuration, in the lines of its files."""
    main = loaded.document.file
    return tuple(
        _note(finding, finding.line, finding.column)
        if finding.file == main
        else RuleNote(
            finding.severity.value,
            finding.line,
            finding.column,
            f"{Path(finding.file).name}: {finding.message}",
            finding.remedy,
        )
        for finding in loaded.findings
    )


def _rule_span(plan: Planned, texts: RuleTexts, after: LoadedConfig) -> tuple[Mark, int, int] | None:
    """Return where a draft's rule begins in the file, its last line there, and its first line in the draft."""
    if plan.edit is None or not plan.edit.yaml.strip():
        return None
    draft = parse_document(plan.edit.yaml, "the draft")
    name = draft.data["name"]
    document = after.document if plan.path == texts.main_path or after.apart is None else after.apart.document
    key, changed = texts.key(plan.path), texts.with_text(plan.path, document.text)
    names = changed.names(plan.path)
    first = min(mark.line for path, mark in draft.keys.items() if len(path) == 1)
    last = max(mark.line for mark in (*draft.keys.values(), *draft.values.values()))
    start = document.value_mark((*key, names.index(name)))
    return start, start.line + last - first, first


def _note(finding: LintFinding, line: int, column: int) -> RuleNote:
    return RuleNote(finding.severity.value, line, column, finding.message, finding.remedy)


def _identity(finding: LintFinding) -> tuple[str, str, str]:
    """What makes two findings of two texts the same, wherever it has moved."""
    words = " ".join(word for word in finding.message.split() if not word.strip("().,;").isdigit())
    return finding.rule, finding.file, words
