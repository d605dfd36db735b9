"""Whether a copy may be deleted: pure. The number of verified durable copies must not fall, and one must be left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Form:
    """One form in which a location holds the content: a file, or an archive. Everything as it is known right now.

    ``verified_at``: when it was last read in full and had just this content; None: never, or it had not.
    """

    location: str
    durable: bool
    reachable: bool
    failing: bool
    verified_at: float | None
    archive_id: int | None = None
    archive_sound: bool = True
    """Of an archive: it was not found damaged, and is not being written or replaced."""
    doomed: bool = False
    """It is being deleted already, or about to be by another proof."""
    other_version: bool = False
    """It holds an earlier or later version: it vouches for nothing, but what both versions hold is there, too."""


@dataclass(frozen=True, slots=True)
class Case:
    """A copy that may go, in the sight of all other forms of its content.

    ``target``: the location whose file would go. ``newcomer``: the archive that takes its place; it does not count
    before. ``forms`` hold the file itself, too.
    """

    target: str
    forms: Sequence[Form]
    newcomer: int | None
    now: float
    fresh_seconds: float
    held: bool = False
    """Another proof, still alive, names the file as its witness."""
    source_of: int = 0
    """Transfers that are queued or running and read the file."""
    protected: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it may go. ``before`` and ``after`` count locations; ``witnesses`` are the forms that stay and count."""

    allowed: bool
    reason: str
    remedy: str
    before: int
    after: int
    witnesses: tuple[Form, ...]


def counts(form: Form, now: float, fresh_seconds: float) -> bool:
    """Return whether a form is a verified durable copy: there, safe, reachable, and read in full lately."""
    fresh = form.verified_at is not None and now - fresh_seconds <= form.verified_at <= now
    fresh = fresh and not form.other_version
    return form.durable and form.reachable and not form.failing and form.archive_sound and not form.doomed and fresh


def judge(case: Case) -> Verdict:
    """Return whether the target's file may be deleted now.

    A location counts once, however many forms of the content it holds. What does not count now counts neither
    before nor after, so that an unreachable copy can neither prevent nor excuse a deletion.
    """
    counting = [form for form in case.forms if counts(form, case.now, case.fresh_seconds)]
    before = {form.location for form in counting if case.newcomer is None or form.archive_id != case.newcomer}
    staying = tuple(form for form in counting if form.location != case.target or form.archive_id is not None)
    after = {form.location for form in staying}
    # The file itself is hashed in the moment before it goes, so that it counts although nobody read it lately.
    if any(_counts_when_read(form) for form in case.forms if _is_target(case, form)):
        before = before | {case.target}
    reason, remedy = _objection(case, len(before), len(after))
    if not reason:
        reason, remedy = _taken(case, counting, [form for form in case.forms if not form.other_version])
    if not reason:
        reason, remedy = _taken(case, counting, case.forms)
    return Verdict(not reason, reason, remedy, len(before), len(after), staying)


def _is_target(case: Case, form: Form) -> bool:
    return form.location == case.target and form.archive_id is None and not form.other_version


def _counts_when_read(form: Form) -> bool:
    return form.durable and not form.failing


def _taken(case: Case, counting: Sequence[Form], forms: Sequence[Form]) -> tuple[str, str]:
    """Return what forbids it though nobody read all forms lately: the archive's location may hold a copy already.

    With forms of other versions it speaks for what they all hold, which must not be in fewer places either.
    """
    known = [form for form in forms if form.durable and not form.failing and form.archive_sound and not form.doomed]
    before = {form.location for form in known if case.newcomer is None or form.archive_id != case.newcomer}
    staying = [form for form in known if form.archive_id != case.newcomer or form in counting]
    after = {form.location for form in staying if form.location != case.target or form.archive_id is not None}
    return _fewer(len(before), len(after)) if len(after) < len(before) else ("", "")


def _fewer(before: int, after: int) -> tuple[str, str]:
    return (
        f"verified durable copies would fall from {before} to {after}: a location counts once",
        "archive it at a location that holds no copy yet, or keep it",
    )


def _objection(case: Case, before: int, after: int) -> tuple[str, str]:
    if case.protected:
        return case.protected, "leave it, or take the protection away first"
    if case.held:
        return "it is the witness of another deletion that is under way", "try again in some minutes"
    if case.source_of:
        return "a transfer reads it", "wait until it is done: `syncdeck transfers`"
    if after < 1:
        return "no verified durable copy would be left", "see why the others do not count: `syncdeck catalog where KEY`"
    if after < before:
        return _fewer(before, after)
    return "", ""
