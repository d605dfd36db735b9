"""Findings about the engine itself and its configuration. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from config.types import Severity
from engine.health.inputs import HealthInputs
from engine.health.levels import CRITICAL, NOTE, RULE_RESTORE, RUN, SEE_ARCHIVE, SEE_ROUTING, WARNING
from engine.health.telling import NEVER_TOLD
from engine.views import FindingView
from engine.words import counted


def engine_findings(inputs: HealthInputs) -> Iterator[FindingView]:
    """Yield what is wrong with the engine's parts and with the file that tells it what to do."""
    for name, cause in sorted(inputs.parts_down.items()):
        yield FindingView(
            id=f"part:{name}",
            severity=CRITICAL,
            subject="engine",
            message=f"the engine's {name} loop is down: {cause}",
            remedy="restart syncdeck, its work goes on where it was; its log has the details",
            action=None,
        )
    yield from _archiving_failed(inputs)
    yield from _telling_failed(inputs)
    yield from _config_refused(inputs)
    yield from _vanished(inputs)
    yield from _lint(inputs, Severity.ERROR)
    yield from _lint(inputs, Severity.WARNING)
    if inputs.observing and inputs.waiting_for_go:
        yield FindingView(
            id="observing",
            severity=NOTE,
            subject="engine",
            message=f"observing: {counted(inputs.waiting_for_go, 'transfer')} would start, nothing moves",
            remedy="look at the plan, then let the engine run",
            action=RUN,
        )
    if not inputs.policy.engine.auto_sync_enabled:
        yield FindingView(
            id="auto-sync-off",
            severity=NOTE,
            subject=inputs.policy.file,
            message="auto_sync.enabled is false: that stops the old daemons, not this engine",
            remedy="pause the engine (P) if nothing is to move; leave the key as it is otherwise",
            action=None,
        )


def _archiving_failed(inputs: HealthInputs) -> Iterator[FindingView]:
    error = inputs.archiving_failed
    if error is not None:
        yield FindingView(
            id="archiving",
            severity=WARNING,
            subject="archives",
            message=f"the last automatic archive round failed: {error}",
            remedy=error.remedy,
            action=SEE_ARCHIVE,
        )


def _telling_failed(inputs: HealthInputs) -> Iterator[FindingView]:
    if inputs.telling_failed is not None:
        yield FindingView(
            id=NEVER_TOLD,
            severity=WARNING,
            subject=inputs.policy.file,
            message=f"on_finding does not work: {inputs.telling_failed}",
            remedy="run data_plane.on_finding.command by hand and correct it; this goes when it worked again",
            action=None,
        )


def _config_refused(inputs: HealthInputs) -> Iterator[FindingView]:
    error = inputs.config_refused
    if error is not None:
        yield FindingView(
            id="config:refused",
            severity=CRITICAL,
            subject=error.file,
            message=f"the changed configuration was refused, the old one stays in force: {error}",
            remedy=error.remedy,
            action=None,
        )


def _vanished(inputs: HealthInputs) -> Iterator[FindingView]:
    for name, file in inputs.rules_vanished:
        yield FindingView(
            id=f"rule-vanished:{name}",
            severity=CRITICAL,
            subject=file,
            message=f"rule {name} was saved from here and is gone from the file: something rewrote it without the rule",
            remedy=f"`syncdeck rules fix rule-vanished:{name}` puts it back; `syncdeck rules remove {name}` lets it go",
            action=RULE_RESTORE,
        )


def _lint(inputs: HealthInputs, severity: Severity) -> Iterator[FindingView]:
    found = sorted((f for f in inputs.lint if f.severity is severity), key=lambda f: (f.line, f.column, f.rule))
    if found:
        first = found[0]
        yield FindingView(
            id=f"config:{severity.value}s",
            severity=WARNING,
            subject=first.file,
            message=f"{counted(len(found), f'configuration {severity.value}')}; line {first.line}: {first.message}",
            remedy=f"{first.remedy} (all of them: `syncdeck config lint {first.file}`)",
            action=SEE_ROUTING,
        )
