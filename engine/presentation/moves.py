"""Transfers, plans and refusals as views."""

from __future__ import annotations

from collections.abc import Iterable

from config.classify import classify
from engine.execution.progress import LiveProgress
from engine.locations import node_of
from engine.model import PlanResult, Refusal, SyncPlan, Transfer, TransferState
from engine.views import PlanItem, PlanView, RefusalView, TransferView


def shown_node(location: str, other: str = "") -> str:
    """Return the host name of a location, or the whole location id when the other end is the same host."""
    node = node_of(location)
    return location if other and node_of(other) == node and location != other else node


def transfer_view(transfer: Transfer, progress: LiveProgress | None = None) -> TransferView:
    """Return a transfer as shown, with its live progress if it runs."""
    done, wire, rate = transfer.bytes_done, transfer.bytes_on_wire, transfer.bytes_per_second
    if progress is not None:
        done, wire, rate = progress.bytes_done, progress.bytes_on_wire, progress.bytes_per_second
    if transfer.state is TransferState.DONE:
        done = transfer.bytes_total
    left = max(transfer.bytes_total - done, 0)
    seconds_left = left / rate if progress and rate and left else None
    return TransferView(
        id=transfer.id,
        key=str(transfer.key),
        label=transfer.key.path.rsplit("/", 1)[-1],
        config_key=classify(transfer.key.path).config_key,
        data_type=transfer.key.data_type.value,
        source=shown_node(transfer.source, transfer.target),
        target=shown_node(transfer.target, transfer.source),
        transport=transfer.transport.value if transfer.transport else None,
        state=transfer.state.value,
        reason=transfer.reason,
        bytes_total=transfer.bytes_total,
        bytes_done=done,
        bytes_on_wire=wire,
        bytes_per_second=rate,
        seconds_left=seconds_left,
        attempts=transfer.attempts,
        error_class=transfer.error_class.value if transfer.error_class else None,
        hint=transfer.hint,
        priority=int(transfer.priority),
        deadline=transfer.deadline,
        created_at=transfer.created_at,
        started_at=transfer.started_at,
        finished_at=transfer.finished_at,
        rule=transfer.rule,
        line=transfer.line,
        code=transfer.code.value if transfer.code else None,
    )


def plan_item(plan: SyncPlan) -> PlanItem:
    """Return one plan as shown."""
    return PlanItem(
        source=node_of(plan.source),
        targets=tuple(shown_node(target, plan.source) for target in plan.targets),
        entries=tuple(str(key) for key in plan.entries),
        priority=int(plan.priority),
        reason=plan.reason,
        rule=plan.rule,
        line=plan.line,
        transport_preference=tuple(t.value for t in plan.transport_preference),
        deadline=plan.deadline,
        bytes=plan.bytes,
    )


def refusal_view(refusal: Refusal) -> RefusalView:
    """Return one refusal as shown."""
    return RefusalView(
        key=str(refusal.key),
        node=node_of(refusal.location),
        reason=refusal.reason,
        remedy=refusal.remedy,
        rule=refusal.rule,
        line=refusal.line,
    )


def plan_view(results: Iterable[PlanResult], at: float) -> PlanView:
    """Return several planning results as one view."""
    plans: list[PlanItem] = []
    refused: list[RefusalView] = []
    for result in results:
        plans += [plan_item(plan) for plan in result.plans]
        refused += [refusal_view(refusal) for refusal in result.refused]
    return PlanView(at, tuple(plans), tuple(refused))
