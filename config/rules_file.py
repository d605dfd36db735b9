"""``data_plane.rules_file``: routing rules in a file of their own, read and checked like those of the configuration."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from config.document import Document, parse_document
from config.schema.cluster import ClusterFile
from config.schema.rule import Rule, RulesFile
from config.source import read_text
from config.types import LintFinding, Policy, Severity
from config.validate import validate_section

RULES_KEY = "rules"
EMPTY = "# Routing rules of syncdeck; data_plane.rules_file names this file.\n"
"""What a file that is not there yet begins with."""


@dataclass(frozen=True, slots=True)
class RulesApart:
    """A file of rules: where it is, whether it is there, its document and the rules in it."""

    path: Path
    present: bool
    document: Document
    rules: tuple[Rule, ...]


def rules_path(config_path: Path, cluster: ClusterFile) -> Path | None:
    """Return where the file of rules is: relative to the configuration file's folder; None when none is named."""
    named = cluster.plane.rules_file
    return None if named is None else config_path.parent / Path(named).expanduser()


def read_rules(path: Path) -> str | None:
    """Return the text of a file of rules, None while it is not there; raises ConfigError when it cannot be read."""
    return read_text(path) if path.exists() else None


def parse_rules(path: Path, text: str | None) -> tuple[RulesApart, tuple[LintFinding, ...]]:
    """Return the rules of a text and everything that keeps it from being used, with its own lines."""
    document = parse_document(EMPTY if text is None else text, str(path))
    findings = document.findings
    if document.data is None:
        return RulesApart(path, text is not None, document, ()), findings
    if not isinstance(document.data, dict):
        message = "the file of rules is not a mapping with `rules:`"
        finding = LintFinding("wrong-type", Severity.ERROR, str(path), 1, 1, message, "write `rules:` and a list")
        return RulesApart(path, True, document, ()), (*findings, finding)
    section, wrong = validate_section(document, RulesFile)
    rules = section.rules if isinstance(section, RulesFile) else None
    return RulesApart(path, True, document, tuple(rules or ())), (*findings, *wrong)


def digest_with(main: str, apart: RulesApart | None) -> str:
    """Return the digest of the configuration with its file of rules; of the former alone where there is none."""
    if apart is None:
        return main
    return hashlib.sha256(f"{main} {apart.present} {apart.document.digest}".encode()).hexdigest()


def lintable(apart: RulesApart, cluster: ClusterFile, policy: Policy) -> tuple[Document, ClusterFile, Policy]:
    """Return a file of rules as though it were the ``sync_routing`` of a file, so that the checks of rules fit it."""
    section = ("sync_routing",)
    document = replace(
        apart.document,
        data={"sync_routing": apart.document.data},
        keys={(*section, *path): mark for path, mark in apart.document.keys.items()},
        values={(*section, *path): mark for path, mark in apart.document.values.items()},
    )
    routing = cluster.routing.model_copy(update={"rules": list(apart.rules)})
    own = tuple(rule for rule in policy.rules if rule.file == str(apart.path))
    return document, cluster.model_copy(update={"sync_routing": routing}), replace(policy, rules=own)
