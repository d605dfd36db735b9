"""Transfers in words: what runs, how far it is, what waits and why."""

from __future__ import annotations

from app.console.present.units import age_text, ago_text, bytes_text, left_text, rate_text
from engine.views import StatusView, ThroughputView, TransferView
from engine.views_engine import EngineState
from widgets.models import Badge, ThroughputModel, TransferRow, TransfersModel
from widgets.text import Tone, plain, shortened

_WORDS: dict[str, tuple[str, Tone]] = {
    "queued": ("queued", Tone.MUTED),
    "waiting": ("waiting", Tone.MUTED),
    "claimed": ("starting", Tone.ACCENT),
    "snapshotting": ("snapshot", Tone.ACCENT),
    "transferring": ("sending", Tone.ACCENT),
    "verifying": ("verifying", Tone.ACCENT),
    "publishing": ("publishing", Tone.ACCENT),
    "retry_at": ("! will retry", Tone.WARN),
    "blocked": ("✗ blocked", Tone.BAD),
    "done": ("✓ done", Tone.GOOD),
    "cancelled": ("cancelled", Tone.MUTED),
    "failed": ("✗ failed", Tone.BAD),
}
RUNNING = frozenset({"claimed", "snapshotting", "transferring", "verifying", "publishing"})
LONGEST_REASON = 40
OVER = frozenset({"done", "cancelled", "failed"})


def state_badge(transfer: TransferView) -> Badge:
    """Return the state in a word, with the attempt when it is not the first."""
    word, tone = _WORDS.get(transfer.state, (plain(transfer.state, 20), Tone.TEXT))
    if transfer.state in RUNNING and transfer.attempts > 1:
        return Badge(f"{word}, try {transfer.attempts}", Tone.WARN)
    return Badge(word, tone)


def percent_done(transfer: TransferView) -> float | None:
    """Return how much of the bytes is done, or None when the size is not known."""
    if transfer.bytes_total <= 0:
        return None
    return min(100.0, transfer.bytes_done / transfer.bytes_total * 100.0)


def name_of(transfer: TransferView) -> str:
    """Return what a transfer moves, as one line."""
    return plain(transfer.label or transfer.key)


def transfers_model(view: StatusView) -> TransfersModel:
    """Return the panel "Transfers"."""
    queue = dict(view.queue)
    queued = sum(count for state, count in queue.items() if state in {"queued", "waiting", "retry_at"})
    title = f"{len(view.running)} running · {queued} queued" if view.running or queued else ""
    return TransfersModel(
        rows=tuple(_row(item) for item in view.running),
        waiting=_waiting(view),
        title=title,
        rate=_limit(view.throughput),
        empty=_empty(view),
    )


def _empty(view: StatusView) -> str:
    if view.engine.state is EngineState.OBSERVING:
        return "Observing: nothing is moved."
    if view.engine.state is EngineState.PAUSED:
        return "Paused: no transfer starts."
    return "Nothing is moving."


def _row(item: TransferView) -> TransferRow:
    return TransferRow(
        key=str(item.id),
        name=name_of(item),
        source=plain(item.source, 60),
        target=plain(item.target, 60),
        transport=plain(item.transport or "", 10),
        percent=percent_done(item),
        tone=Tone.WARN if item.attempts > 1 else Tone.ACCENT,
        rate=rate_text(item.bytes_per_second),
        left=left_text(item.seconds_left),
        state=state_badge(item),
    )


def _waiting(view: StatusView) -> tuple[Badge, ...]:
    """Return what is stuck, which is read first where the line is cut, then what waits and why."""
    queue = dict(view.queue)
    badges = []
    for state, words in (("blocked", "✗ {} blocked"), ("failed", "✗ {} failed")):
        if queue.get(state):
            badges.append(Badge(words.format(queue[state]), Tone.BAD))
    if view.waiting_reasons:
        badges.append(Badge("waiting", Tone.MUTED))
        badges += [Badge(_counted(count, reason), Tone.TEXT) for reason, count in view.waiting_reasons]
    return tuple(badges)


def _counted(count: int, reason: str) -> str:
    words = shortened(plain(reason), LONGEST_REASON)
    return f"{count} {words}" if words.startswith("for ") else f"{count}: {words}"


def _limit(throughput: ThroughputView) -> str:
    if throughput.bytes_per_second <= 0 and throughput.limit_bytes_per_second is None:
        return ""
    now = rate_text(throughput.bytes_per_second)
    limit = throughput.limit_bytes_per_second
    return now if limit is None else f"{now} of {rate_text(limit)}"


def throughput_model(view: StatusView) -> ThroughputModel:
    """Return the panel "Throughput"."""
    throughput = view.throughput
    facts = [Badge(f"{bytes_text(throughput.bytes_last_hour)} moved", Tone.TEXT)]
    if throughput.first_attempt_rate is not None:
        share = throughput.first_attempt_rate * 100.0
        facts.append(Badge(f"first attempt {share:.1f} %", Tone.GOOD if share >= 95 else Tone.WARN))
    if view.last_verified_at is None:
        facts.append(Badge("! no backup verified yet", Tone.WARN))
    else:
        facts.append(Badge(f"✓ verified {ago_text(view.last_verified_at, view.at)}", Tone.GOOD))
    return ThroughputModel(throughput.trend, tuple(facts))


def when_text(transfer: TransferView, now: float) -> str:
    """Return the age that matters in this state: how long it waits or runs, or how long ago it ended."""
    if transfer.finished_at is not None:
        return ago_text(transfer.finished_at, now)
    since = transfer.started_at if transfer.started_at is not None else transfer.created_at
    return age_text(max(0.0, now - since))
