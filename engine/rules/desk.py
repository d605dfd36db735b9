"""The routing rules as an operator works on them: what they touch, drafts tried and saved, edits taken back."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from config.document import parse_document
from config.editing import writing
from config.editing.errors import EditRefused
from config.editing.fixes import find_fixes
from config.editing.rules import RuleEdit, apply_rule_edit, rule_text
from config.editing.splice import apply_edits
from config.errors import ConfigError
from config.load import LoadedConfig
from config.types import RuleSpec
from engine.audit import Audit, rule_subject
from engine.catalog.catalog import DataCatalog
from engine.catalog.keys import parse_key
from engine.clock import Clock
from engine.errors import ErrorClass, SyncdeckError
from engine.hosts import check_hosts
from engine.locations import node_of
from engine.reconcile import Reconciler
from engine.routing.explain import Standing, explain
from engine.routing.simulation.touched import Touched
from engine.rules.drafts import all_notes, form_notes, lint_notes, refused_note
from engine.rules.saving import Saver, Vanished
from engine.rules.texts import RuleTexts, diff_of, planned, read_texts
from engine.rules.trial import Trials
from engine.views_rules import (
    DraftCheck,
    ExplainView,
    FixView,
    RuleDraft,
    RuleNote,
    RuleRow,
    RulesView,
    SaveResult,
    SimulationView,
    TrialView,
)

VANISHED = "rule-vanished"
"""The lint-like id of a rule that was saved and is gone: applying ``rule-vanished:NAME`` puts it back."""
_BASES_KEPT = 20
_SHOWN_PRIORITIES = {100: "critical", 75: "high", 50: "normal", 25: "low", 10: "background"}


class RulesDesk:
    """Implements RulesClient over the files of the configuration in force."""

    def __init__(
        self,
        loaded: Callable[[], LoadedConfig],
        saver: Saver,
        trials: Trials,
        catalog: DataCatalog,
        reconciler: Reconciler,
        clock: Clock,
        audit: Audit,
        standing: Callable[[str, str], Awaitable[Standing]],
    ) -> None:
        """``loaded`` returns the configuration in force, ``standing`` what is in a node's way beside the plan."""
        self._loaded = loaded
        self._saver = saver
        self._trials = trials
        self._catalog = catalog
        self._reconciler = reconciler
        self._clock = clock
        self._audit = audit
        self._standing = standing
        self._bases: OrderedDict[str, RuleTexts] = OrderedDict()
        self._saving = asyncio.Lock()
        self._fixes: tuple[str, tuple[FixView, ...]] | None = None
        self.on_saved: Callable[[LoadedConfig], Awaitable[None]] | None = None
        """Puts a configuration that was saved into force."""

    async def rules(self) -> RulesView:
        """Return all rules in order, with what each touches now."""
        texts, current = await asyncio.to_thread(self._read)
        touched = await self._trials.touched()
        vanished = await self.vanished()
        last = await asyncio.to_thread(self._saver.last, self._loaded())
        rows = [_row(rule, texts, touched) for rule in current.policy.rules]
        rows += [_vanished_row(found) for found in vanished]
        if self._fixes is None or self._fixes[0] != texts.main:
            self._fixes = (texts.main, await asyncio.to_thread(_fixes, texts))
        fixes = self._fixes[1]
        return RulesView(
            at=self._clock.now(),
            file=str(texts.main_path),
            digest=texts.digest,
            rules=tuple(rows),
            notes=all_notes(current),
            fixes=(*(_vanished_fix(found, texts) for found in vanished), *fixes),
            undo=None if last is None else last.what,
        )

    async def check_rule(self, draft: RuleDraft) -> DraftCheck:
        """Return what a draft would mean; raises SyncdeckError when a newer draft takes its place."""
        texts, current = await asyncio.to_thread(self._read)
        draft = await self._put_back(draft)
        notes, diff, after = await asyncio.to_thread(_judged, texts, current, draft)
        simulation: SimulationView | None = None
        if after is not None and not any(note.severity == "error" and note.line for note in notes):
            simulation = await self._trials.simulate(after.policy)
        return DraftCheck(notes, diff, simulation)

    def rule_trial(self) -> TrialView | None:
        """Return what the draft that is being tried comes to so far; None while there is nothing to tell yet."""
        return self._trials.so_far

    async def save_rule(self, draft: RuleDraft, digest: str) -> SaveResult:
        """Write a draft made against the text named by ``digest``; in effect when this returns."""
        async with self._saving:
            if draft.yaml.strip() == "" and draft.replaces is not None:
                gone = next((found for found in await self.vanished() if found.name == draft.replaces), None)
                if gone is not None:
                    return await self._told(gone.name, await asyncio.to_thread(self._saver.forget, gone))
            _, current = await asyncio.to_thread(self._read)
            base = self._bases.get(digest)
            if base is None:
                message = "the rules have changed since this draft was begun: read them again, then save"
                return SaveResult("refused", message)
            draft = await self._put_back(draft)
            result = await asyncio.to_thread(self._saver.save, draft, base, current)
            return await self._told(rule_subject(draft), result)

    async def undo_rules(self) -> SaveResult:
        """Take the last edit back."""
        async with self._saving:
            return await self._told("the last edit", await asyncio.to_thread(self._saver.undo, self._loaded()))

    async def explain(self, key: str, node: str) -> ExplainView:
        """Return why an entry is, or is not, to be at a node; raises SyncdeckError for an unknown one of either."""
        entry = await self._catalog.get(parse_key(key))
        if entry is None:
            raise _unknown("find", key, "no entry has this key", "see the keys with `syncdeck catalog ls`")
        context = await self._reconciler.context()
        check_hosts("find node", [node_of(node)], context.policy)
        standing = await self._standing(node, str(entry.key))
        return await asyncio.to_thread(explain, entry, node, context, standing)

    async def vanished(self) -> tuple[Vanished, ...]:
        """Return the rules that were saved from here and that somebody took out since."""
        return await asyncio.to_thread(self._saver.vanished, self._loaded())

    async def _told(self, subject: str, result: SaveResult) -> SaveResult:
        if result.outcome in ("saved", "merged"):
            await self._audit("rules", subject, result.message)
            _, loaded = await asyncio.to_thread(self._read)
            if self.on_saved is not None:
                await self.on_saved(loaded)
        return result

    async def _put_back(self, draft: RuleDraft) -> RuleDraft:
        """Return a draft as it is; for the fix of a rule that vanished, the draft that puts it back."""
        if draft.fix_id is None or not draft.fix_id.startswith(f"{VANISHED}:"):
            return draft
        name = draft.fix_id.partition(":")[2]
        gone = next((found for found in await self.vanished() if found.name == name), None)
        if gone is None:
            raise _unknown("put back", name, "this rule is not missing", "read the rules again")
        return RuleDraft(yaml=gone.yaml)

    def _read(self) -> tuple[RuleTexts, LoadedConfig]:
        """Return the texts as they are now and what they amount to; what cannot be used is an error. Blocks."""
        texts = read_texts(self._loaded())
        try:
            current = texts.load()
        except ConfigError as error:
            raise _unknown("read", error.file, error.cause, error.remedy) from error
        self._bases[texts.digest] = texts
        self._bases.move_to_end(texts.digest)
        while len(self._bases) > _BASES_KEPT:
            self._bases.popitem(last=False)
        return texts, current


def _judged(
    texts: RuleTexts, current: LoadedConfig, draft: RuleDraft
) -> tuple[tuple[RuleNote, ...], str, LoadedConfig | None]:
    """Return what is wrong with a draft, the difference that it makes, and the configuration that it amounts to."""
    notes = form_notes(draft.yaml) if draft.fix_id is None else ()
    if notes:
        return notes, "", None
    try:
        plan = planned(texts, draft)
        changed = plan.apply(texts)
    except EditRefused as refused:
        line = refused.line or 1
        return (RuleNote("error", line, 1, refused.cause, refused.remedy),), "", None
    diff = diff_of(texts.text(plan.path), changed, plan.path.name)
    try:
        after = texts.with_text(plan.path, changed).load()
    except ConfigError as error:
        return (refused_note(error),), diff, None
    return lint_notes(plan, texts, current, after), diff, after


def _row(rule: RuleSpec, texts: RuleTexts, touched: dict[str, Touched]) -> RuleRow:
    counted = touched.get(rule.name, Touched(0, 0))
    origin, yaml = "built-in", ""
    if rule.line is not None:
        apart = rule.file and texts.rules_path is not None
        path = texts.rules_path if apart and texts.rules_path is not None else texts.main_path
        origin, yaml = ("rules_file" if apart else "file"), rule_text(texts.text(path), rule.name, texts.key(path))
    return RuleRow(
        name=rule.name,
        origin=origin,
        line=rule.line,
        match=_match_text(rule),
        place="; ".join(
            place.selector if place.copies is None else f"{place.copies} of {place.selector}" for place in rule.place
        ),
        priority=_SHOWN_PRIORITIES.get(rule.priority, str(rule.priority)),
        deadline_seconds=rule.deadline_seconds,
        via=tuple(transport.value for transport in rule.via),
        entries=counted.entries,
        bytes=counted.bytes,
        yaml=yaml,
    )


def _match_text(rule: RuleSpec) -> str:
    match, default = rule.match, type(rule.match)()
    parts = []
    if match.data_types != default.data_types:
        parts.append(", ".join(sorted(kind.value for kind in match.data_types)))
    parts += [
        f"{name} {value}"
        for name, value in (("config", match.config_key), ("path", match.path), ("region", match.region))
        if value != "*"
    ]
    for name, least, most in (
        ("size", match.min_size_bytes, match.max_size_bytes),
        ("age", match.min_age_seconds, match.max_age_seconds),
    ):
        if least is not None or most is not None:
            parts.append(f"{name} {'' if least is None else f'{least:g}'}..{'' if most is None else f'{most:g}'}")
    return "; ".join(parts) or "everything"


def _vanished_row(found: Vanished) -> RuleRow:
    data = parse_document(found.yaml, found.name).data
    match = writing.flow(data["match"]) if data.get("match") else "everything"
    place = data.get("place") if isinstance(data.get("place"), str) else writing.flow(data.get("place"))
    priority = str(data.get("priority", "normal"))
    return RuleRow(found.name, "file", None, match, place, priority, None, (), 0, 0, found.yaml, vanished=True)


def _vanished_fix(found: Vanished, texts: RuleTexts) -> FixView:
    path = next((path for path in texts.paths if str(path) == found.file), texts.main_path)
    after = apply_rule_edit(texts.text(path), RuleEdit(found.yaml), texts.key(path))
    message = f"rule {found.name} was saved and is gone from {path.name}"
    diff = diff_of(texts.text(path), after, path.name)
    return FixView(f"{VANISHED}:{found.name}", "error", (), message, f"put rule {found.name} back", diff)


def _fixes(texts: RuleTexts) -> tuple[FixView, ...]:
    found = []
    for fix in find_fixes(texts.main, str(texts.main_path)):
        try:
            after = apply_edits(texts.main, *fix.edits)
        except EditRefused:
            # Written in a way that cannot be edited safely: the finding stays, for its author to mend.
            continue
        diff = diff_of(texts.main, after, texts.main_path.name)
        found.append(FixView(fix.id, fix.severity.value, fix.lines, fix.message, fix.description, diff, fix.others))
    return tuple(found)


def _unknown(operation: str, subject: str, cause: str, remedy: str) -> SyncdeckError:
    return SyncdeckError(operation, subject, cause, remedy, ErrorClass.CONFIG)
