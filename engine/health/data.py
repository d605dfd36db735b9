"""Findings about data: too few copies, old training data, blocked transfers, copies that contradict. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from config.types import DataType
from engine.health.inputs import HealthInputs
from engine.health.levels import CRITICAL, KEEP_BOTH, SEE_ARCHIVE, SEE_CATALOG, SEE_TRANSFERS, SYNC, WARNING
from engine.integrity.guard import DIVERGED, SMALLER
from engine.model import NodeState, Refusal, Transfer
from engine.views import FindingView, FreshnessView
from engine.words import counted, span_text

_SHOWN = 2
_LEVER = "`syncdeck transfers keep-both`, or the key here, keeps them under names of their own and lets it come"
_CONTRADICTING = {
    DIVERGED: ("differing from every known version", f"see what they are; {_LEVER}", KEEP_BOTH),
    "bad": ("damaged", "inspect them and move them away: good copies follow", SEE_CATALOG),
    SMALLER: ("larger than the new version", f"see why the new version shrank; {_LEVER}", KEEP_BOTH),
}


def data_findings(inputs: HealthInputs) -> Iterator[FindingView]:
    """Yield what is wrong with data."""
    yield from _gone(inputs.refused)
    yield from _damaged_archives(inputs)
    yield from _began_anew(inputs.kept)
    yield from _contradicting(inputs)
    yield from _few_copies(inputs)
    yield from _old_training_data(inputs)
    yield from _blocked(inputs.blocked)


def _gone(refused: Sequence[Refusal]) -> Iterator[FindingView]:
    keys = sorted({str(refusal.key) for refusal in refused if refusal.code == "gone"})
    if keys:
        yield FindingView(
            id="gone",
            severity=CRITICAL,
            subject="catalog",
            message=f"no good copy is left of {counted(len(keys), 'file')}: {_some(keys)}",
            remedy="restore them from a backup, or find out who deleted them; Catalog shows where they were",
            action=SEE_CATALOG,
        )


def _contradicting(inputs: HealthInputs) -> Iterator[FindingView]:
    """Yield one finding per kind. A copy where no rule wants one causes no refusal: the catalog's count shows it."""
    for code, (what, remedy, action) in _CONTRADICTING.items():
        found = sorted({f"{refusal.key} on {refusal.location}" for refusal in inputs.refused if refusal.code == code})
        counts = [(location, count) for location, state, count in inputs.doubtful if state.value == code]
        total = max(len(found), sum(count for _, count in counts))
        if total > len(found):
            found = [f"{count} on {location}" for location, count in counts]
        if total:
            yield FindingView(
                id=f"refused:{code}",
                severity=WARNING,
                subject="catalog",
                message=f"{counted(total, 'copy', 'copies')} {what}, not replaced: {_some(found)}",
                remedy=remedy,
                action=action,
            )


def _few_copies(inputs: HealthInputs) -> Iterator[FindingView]:
    """Yield one finding for all config keys; what is newer than the allowed lag may still be on its way."""
    allowed = inputs.policy.thresholds.lag_warning_seconds
    short = [
        view
        for view in inputs.freshness
        if view.copies < view.wanted and view.newest_age_seconds is not None and view.newest_age_seconds >= allowed
    ]
    if not short:
        return
    worst = sorted(short, key=lambda v: (v.copies - v.wanted, -v.at_risk_bytes, v.config_key, v.data_type))
    names = [f"{v.config_key} {v.data_type} {v.copies}/{v.wanted}" for v in worst]
    yield FindingView(
        id="copies",
        severity=WARNING,
        subject="catalog",
        message=f"{counted(len(short), 'config key')} with too few durable copies for over {span_text(allowed)}:"
        f" {_some(names)}",
        remedy="sync now; `syncdeck plan` says what is refused and why",
        action=SYNC,
        at_risk_bytes=sum(view.at_risk_bytes for view in short),
    )


def _old_training_data(inputs: HealthInputs) -> Iterator[FindingView]:
    up = {node.node for node in inputs.nodes if node.state == NodeState.UP.value}
    stale: dict[str, list[tuple[float, str, bool]]] = {}
    for view in inputs.freshness:
        if view.data_type != DataType.NPZ.value or view.newest_age_seconds is None:
            continue
        for trainer in view.trainers:
            held = trainer.held_age_seconds
            old = held is None or held >= inputs.policy.thresholds.training_data_warning_seconds
            if old and trainer.node in up:
                age = float("inf") if held is None else held
                stale.setdefault(trainer.node, []).append((-age, _held_text(view, held), trainer.current))
    for node, found in sorted(stale.items()):
        yield _old_on_trainer(node, sorted(found), inputs.policy.thresholds.training_data_warning_seconds)


def _held_text(view: FreshnessView, held_age_seconds: float | None) -> str:
    return f"{view.config_key} {'none' if held_age_seconds is None else span_text(held_age_seconds)}"


def _old_on_trainer(node: str, found: list[tuple[float, str, bool]], limit_seconds: float) -> FindingView:
    newest = all(current for _, _, current in found)
    remedy = "it is the newest there is: export new training data" if newest else "sync the newest NPZ to it"
    return FindingView(
        id=f"training:{node}",
        severity=WARNING,
        subject=node,
        message=f"{node} has no training data newer than {span_text(limit_seconds)}:"
        f" {_some([text for _, text, _ in found])}",
        remedy=remedy,
        action=None if newest else SYNC,
    )


def _damaged_archives(inputs: HealthInputs) -> Iterator[FindingView]:
    for number, key, cause in inputs.failed_archives:
        yield FindingView(
            id=f"archive:{number}",
            severity=CRITICAL,
            subject="archives",
            message=f"archive {number} of {key} is damaged: {cause}",
            remedy="it counts for nothing; it is made again from another copy if there is one: `syncdeck archive list`",
            action=SEE_ARCHIVE,
        )


def _began_anew(kept: Sequence[tuple[str, str]]) -> Iterator[FindingView]:
    keys = sorted({key for key, _ in kept})
    if keys:
        yield FindingView(
            id="kept",
            severity=WARNING,
            subject="catalog",
            message=f"{counted(len(keys), 'file')} began anew without all of what it held: {_some(keys)};"
            f" what was saved before stays: {_some(sorted({path for _, path in kept}))}",
            remedy="nothing is lost: both are saved; merge them, or archive the old one, when you are done with it",
            action=SEE_CATALOG,
        )


def _blocked(blocked: Sequence[Transfer]) -> Iterator[FindingView]:
    groups: dict[str, list[Transfer]] = {}
    for transfer in blocked:
        groups.setdefault(transfer.error_class.value if transfer.error_class else "refused", []).append(transfer)
    for name, transfers in sorted(groups.items()):
        first = transfers[0]
        yield FindingView(
            id=f"blocked:{name}",
            severity=WARNING,
            subject="transfers",
            message=f"{counted(len(transfers), 'transfer')} blocked ({name}), {first.key.path.rsplit('/', 1)[-1]}:"
            f" {first.reason}",
            remedy=first.hint or "open Transfers for the reason of each, mend it, then retry",
            action=SEE_TRANSFERS,
        )


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
