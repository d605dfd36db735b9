"""Findings about disks: over their limits, filling up, not there. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from config.types import Thresholds
from engine.health.inputs import HealthInputs
from engine.health.levels import CRITICAL, EMERGENCY, NOTE, RESCAN, SEE_ARCHIVE, WARNING
from engine.locations import node_of
from engine.model import LocationState
from engine.planner.obstacles import location_remedy
from engine.views import FindingView, StorageView
from engine.words import counted, size_text, span_text

_ABSENT = {
    LocationState.NOT_MOUNTED: "is not mounted",
    LocationState.MISSING: "does not exist",
    LocationState.DENIED: "may not be read",
}


def storage_findings(inputs: HealthInputs) -> Iterator[FindingView]:
    """Yield what is wrong with disks. Limits and the horizon of the forecast are those of the policy."""
    for view in inputs.storage:
        absent = next((state for state in _ABSENT if state.value == view.state), None)
        if absent is not None:
            yield _absent(view, absent)
        elif view.used_percent is not None and view.used_percent >= view.max_percent:
            yield _over_max(view, view.used_percent, inputs)
        else:
            yield from _filling(view, inputs.policy.thresholds)


def unreadable_findings(inputs: HealthInputs) -> Iterator[FindingView]:
    """Yield the folders and names that no scan can look at: what is there is not copied. What was known of a folder
    before stays known; of a name that cannot be stored nothing ever was."""
    for location, folders in sorted(inputs.unreadable.items()):
        more = f" and {len(folders) - 1} more" if len(folders) > 1 else ""
        yield FindingView(
            id=f"unreadable:{location}",
            severity=WARNING,
            subject=location,
            message=f"{location}: {folders[0]}{more} is not looked at; what is known of it stays known",
            remedy="give the ssh user access; name a folder that a symbolic link leads out to in storage_paths;"
            " take line breaks, tabs and broken characters out of names; rename one of two that look the same",
            action=RESCAN,
        )


def leftover_findings(inputs: HealthInputs) -> Iterator[FindingView]:
    """Yield where another engine left temporary files; whether it is gone for good, only the operator can tell."""
    for left in inputs.leftovers:
        age = span_text(inputs.now - left.oldest_mtime)
        node = node_of(left.location)
        yield FindingView(
            id=f"leftovers:{left.location}",
            severity=NOTE,
            subject=left.location,
            message=f"{left.location}: {counted(left.files, 'temporary file')} of another engine, "
            f"{size_text(left.size_bytes)}, the oldest untouched for {age}; they are no data and are not counted",
            remedy=f"`syncdeck nodes leftovers {node}` lists them; if that engine, or its state directory, is gone, "
            f"`syncdeck nodes leftovers {node} --older-than 7d --remove` removes them",
            action=None,
        )


def _absent(view: StorageView, state: LocationState) -> FindingView:
    return FindingView(
        id=f"location:{view.location}",
        severity=WARNING,
        subject=view.label,
        message=f"{view.label}: {view.root} {_ABSENT[state]}; what is known of it stays known, nothing is sent there",
        remedy=location_remedy(view.node, state),
        action=RESCAN,
    )


def _over_max(view: StorageView, percent: float, inputs: HealthInputs) -> FindingView:
    waiting = sum(1 for refusal in inputs.refused if refusal.code == "full" and refusal.location == view.location)
    held_up = f"; {counted(waiting, 'file')} cannot go there" if waiting else "; nothing more is sent there"
    line = inputs.policy.max_disk_line
    setting = "max_disk_usage_percent" + (f" (line {line})" if line is not None else "")
    return FindingView(
        id=f"disk:{view.location}",
        severity=CRITICAL,
        subject=view.label,
        message=f"{view.label} is at {percent:.0f} % of at most {view.max_percent:.0f} %{held_up}",
        remedy=f"free {_excess(view)} on {view.node}, or raise {setting}; an emergency sync may fill it to the floor",
        action=EMERGENCY if waiting else SEE_ARCHIVE,
    )


def _filling(view: StorageView, limits: Thresholds) -> Iterator[FindingView]:
    percent, left = view.used_percent, view.full_in_seconds
    soon = left is not None and left <= limits.disk_full_forecast_seconds
    when = f"; full in {span_text(left)} at this rate" if soon and left is not None else ""
    if percent is not None and percent >= view.target_percent:
        target, most = f"{view.target_percent:.0f}", f"{view.max_percent:.0f}"
        yield FindingView(
            id=f"disk:{view.location}",
            severity=WARNING,
            subject=view.label,
            message=f"{view.label} is at {percent:.0f} %, over the target of {target} % (at most {most} %){when}",
            remedy=f"free {_excess(view)} on {view.node} before {most} % stops what is sent there",
            action=SEE_ARCHIVE,
        )
    elif when:
        yield FindingView(
            id=f"disk-full:{view.location}",
            severity=WARNING,
            subject=view.label,
            message=f"{view.label} reaches {view.max_percent:.0f} % in {span_text(left or 0.0)} at this rate",
            remedy=f"see what grows on {view.node}, free space, or let less be sent there",
            action=SEE_ARCHIVE,
        )


def _excess(view: StorageView) -> str:
    """Return how much to free to get down to the target."""
    if view.total_bytes is None or view.used_bytes is None:
        return "space"
    return size_text(max(view.used_bytes - view.total_bytes * view.target_percent / 100.0, 0.0))
