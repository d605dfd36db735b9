"""Views to the JSON that scripts rely on (docs/json.md). Keys may be added here, never renamed or left out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.console.actions import BY_ID
from config.types import DataType, LintFinding, Policy
from engine.api.codec import encode
from engine.views import (
    EntryDetail,
    FindingView,
    FreshnessView,
    PlanItem,
    PlanView,
    RefusalView,
    ReplicaView,
    StatusView,
    SyncPreview,
    TransferView,
)
from engine.views_bandwidth import BandwidthView

Json = dict[str, Any]

_OFF_SITE: Mapping[str, bool | str] = {"yes": True, "no": False}
NOT_CONFIGURED = "not configured"


def plain(view: object) -> Json:
    """Return a view's own fields by name."""
    encoded = encode(view)
    if not isinstance(encoded, dict):
        raise TypeError(f"{type(view).__name__} is not a view")
    return dict(encoded)


def off_site(word: str) -> bool | str:
    """Return true, false or "not configured"."""
    return _OFF_SITE.get(word, NOT_CONFIGURED)


def status(view: StatusView) -> Json:
    """Return ``syncdeck status --json``."""
    return plain(view) | {
        "findings": [finding(row) for row in view.findings],
        "freshness": [freshness(row) for row in view.freshness],
        "queue": dict(view.queue),
        "waiting_reasons": dict(view.waiting_reasons),
        "running": [transfer(row) for row in view.running],
    }


def finding(view: FindingView) -> Json:
    """Return one item of ``findings``, with the key that the console gives to its action unless that is remapped."""
    action = BY_ID.get(view.action or "")
    return plain(view) | {"key": None if action is None else action.keys[0]}


def freshness(view: FreshnessView) -> Json:
    """Return one config key and data type of ``status.freshness``."""
    return plain(view) | {"off_site": off_site(view.off_site)}


def transfer(view: TransferView) -> Json:
    """Return one item of ``syncdeck transfers --json``."""
    return plain(view)


def bandwidth(view: BandwidthView) -> Json:
    """Return ``syncdeck bandwidth show --json``."""
    return plain(view)


def plan(view: PlanView) -> Json:
    """Return ``syncdeck plan --json``."""
    return {
        "at": view.at,
        "plan": [plan_item(item) for item in view.plans],
        "refused": [refusal(item) for item in view.refused],
    }


def plan_item(view: PlanItem) -> Json:
    """Return one item of ``plan``."""
    return plain(view)


def refusal(view: RefusalView) -> Json:
    """Return one item of ``refused``."""
    return plain(view)


def entry(view: EntryDetail) -> Json:
    """Return one item of ``syncdeck catalog ls --json``."""
    row = view.row
    return {
        "key": row.key,
        "path": row.path,
        "data_type": row.data_type,
        "config_key": row.config_key,
        "origin": row.origin,
        "size_bytes": row.size_bytes,
        "sha256": view.sha256,
        "mtime": row.mtime,
        "copies": row.copies,
        "wanted": row.wanted,
        "state": row.states,
        "off_site": off_site(view.off_site),
        "replicas": [replica(copy) for copy in view.replicas],
    }


def replica(view: ReplicaView) -> Json:
    """Return one item of an entry's ``replicas``."""
    return plain(view)


def entry_with_reasons(view: EntryDetail) -> Json:
    """Return one item of ``syncdeck catalog where --json``: an entry, why it is where it is, and what moves it."""
    return entry(view) | {
        "placements": [plain(placement) for placement in view.placements],
        "transfers": [transfer(row) for row in view.transfers],
    }


def preview(view: SyncPreview) -> Json:
    """Return ``sync --dry-run --json`` and ``emergency --dry-run --json``."""
    return {
        "files": view.files,
        "bytes": view.bytes,
        "targets": list(view.targets),
        "seconds": view.seconds,
        "plan": [plan_item(item) for item in view.items],
        "refused": [refusal(item) for item in view.refused],
    }


def classified(path: str, data_type: DataType | None, config_key: str | None) -> Json:
    """Return one item of ``syncdeck catalog classify --json``."""
    return {"path": path, "data_type": data_type.value if data_type else None, "config_key": config_key}


def lint_finding(finding: LintFinding) -> Json:
    """Return one item of ``syncdeck config lint --json``."""
    return plain(finding)


def effective(policy: Policy) -> Json:
    """Return ``syncdeck config effective --json``: keys are exactly the hosts of the file, in its order."""
    hosts = dict.fromkeys(host for host, _ in policy.decisions)
    return {host: {kind.value: plain(policy.receives(host, kind)) for kind in DataType} for host in hosts}
