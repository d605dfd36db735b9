"""Writing drafts into the files and taking them back; everything is kept in the history first. Blocking."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from config.editing.errors import EditRefused
from config.editing.history import History, Kept
from config.editing.merging import merge_texts
from config.editing.rules import Overlap, parse_rule
from config.editing.saving import rewrite
from config.errors import ConfigError
from config.load import LoadedConfig
from config.rules_file import EMPTY
from engine.rules.drafts import lint_notes, new_errors
from engine.rules.texts import Planned, RuleTexts, planned, read_texts
from engine.views_rules import RuleDraft, RuleNote, SaveResult


@dataclass(frozen=True, slots=True)
class Vanished:
    """A rule that was saved from here and that somebody else took out of its file since."""

    name: str
    yaml: str
    file: str


@dataclass(frozen=True, slots=True)
class Saver:
    """Edits the files of one configuration. Every method blocks for some milliseconds: call it in a thread."""

    history: History
    who: Callable[[], str]
    now: Callable[[], float]

    def save(self, draft: RuleDraft, base: RuleTexts, loaded: LoadedConfig) -> SaveResult:
        """Write a draft that was made against ``base``; a file that changed since is merged into."""
        try:
            plan = planned(base, draft)
            return self._write(plan, base, loaded)
        except Overlap as overlap:
            message = "somebody else changed the same rule meanwhile: nothing was saved"
            return SaveResult("conflict", message, overlap.theirs, overlap.ours)
        except EditRefused as refused:
            return SaveResult("refused", f"{refused}: {refused.remedy}")
        except ConfigError as error:
            return SaveResult("refused", f"the file would not be usable: {error}; {error.remedy}")

    def undo(self, loaded: LoadedConfig) -> SaveResult:
        """Take the last edit back: the very bytes where nobody edited since, else its inverse by merge."""
        last = self.last(loaded)
        if last is None:
            return SaveResult("refused", "there is nothing to undo")
        path = Path(last.file)

        def rework(found: str) -> str:
            text = last.before if found == last.after else merge_texts(last.after, found, last.before)
            read_texts(loaded).with_text(path, text).load()
            return text

        try:
            written = rewrite(path, last.after, rework)
        except Overlap as overlap:
            message = (
                f"what was edited ({last.what}) was changed since: nothing was undone; {self._instead(last, loaded)}"
            )
            return SaveResult("conflict", message, overlap.theirs, overlap.ours)
        except EditRefused as refused:
            return SaveResult("refused", f"{refused}: {refused.remedy}")
        except ConfigError as error:
            return SaveResult("refused", f"without it the file would not be usable: {error}; {error.remedy}")
        try:
            self.history.mark_undone(last)
        except EditRefused as refused:
            # The file is as wanted. Only what is undone next is not known.
            return SaveResult(
                "saved", f"undone: {last.what}; that this is so was not kept: {refused}: {refused.remedy}"
            )
        if written.merged:
            return SaveResult("merged", f"undone: {last.what}; what others changed since is kept")
        return SaveResult("saved", f"undone: {last.what}; {path.name} is as it was, byte for byte")

    def _instead(self, last: Kept, loaded: LoadedConfig) -> str:
        """Return what to do about an edit that cannot be taken back."""
        edited = parse_rule(last.edit.yaml)["name"] if last.edit is not None and last.edit.yaml.strip() else None
        if edited is not None and any(gone.name == edited for gone in self.vanished(loaded)):
            return (
                f"`syncdeck rules remove {edited}` lets it go, `syncdeck rules fix rule-vanished:{edited}` puts it back"
            )
        return "edit what is there now instead"

    def last(self, loaded: LoadedConfig) -> Kept | None:
        """Return the newest edit of these files that was not taken back."""
        files = {str(path) for path in read_texts(loaded).paths}
        return next((k for k in reversed(self.history.all()) if k.file in files and not k.undone), None)

    def vanished(self, loaded: LoadedConfig) -> tuple[Vanished, ...]:
        """Return the rules that were saved from here and are in none of the files any more."""
        texts = read_texts(loaded)
        files = {str(path) for path in texts.paths}
        saved: dict[str, Vanished] = {}
        for kept in self.history.all():
            if kept.undone or kept.edit is None or kept.file not in files:
                continue
            if kept.edit.replaces is not None:
                saved.pop(kept.edit.replaces, None)
            if kept.edit.yaml.strip():
                name = parse_rule(kept.edit.yaml)["name"]
                saved[name] = Vanished(name, kept.edit.yaml, kept.file)
        present = {name for path in texts.paths for name in texts.names(path)}
        return tuple(found for name, found in saved.items() if name not in present)

    def forget(self, vanished: Vanished) -> SaveResult:
        """Remember that a rule that vanished is meant to be gone."""
        for kept in self.history.all():
            edit = kept.edit
            if edit is None or kept.undone or not edit.yaml.strip():
                continue
            if parse_rule(edit.yaml)["name"] == vanished.name:
                self.history.mark_undone(kept)
        return SaveResult("saved", f"rule {vanished.name} stays out of the file")

    def _write(self, plan: Planned, base: RuleTexts, loaded: LoadedConfig) -> SaveResult:
        made: list[Kept] = []
        result, warned = "", ""

        def rework(found: str) -> str:
            nonlocal result, warned
            texts = read_texts(loaded).with_text(plan.path, found)
            result = plan.merge(base.text(plan.path), found, base.key(plan.path))
            before, after = texts.load(), texts.with_text(plan.path, result).load()
            for error in new_errors(before, after):
                raise EditRefused(f"{Path(error.file).name}:{error.line}: {error.message}", error.remedy)
            warned = _warnings(lint_notes(plan, texts, before, after))
            return result

        def keep(found: str) -> None:
            for earlier in made:
                self.history.mark_undone(earlier)
            edit = plan.edit
            made.append(self.history.add(self.now(), self.who(), str(plan.path), plan.what, found, result, edit))

        created = not plan.path.exists()
        if created:
            rework(EMPTY)
            _create(plan.path)
        try:
            written = rewrite(plan.path, base.text(plan.path), rework, keep)
        except (EditRefused, Overlap, ConfigError):
            with suppress(EditRefused):  # why nothing was saved matters more than that its entry stays
                for earlier in made:
                    self.history.mark_undone(earlier)
            raise
        if written.before == written.after:
            return SaveResult("saved", f"{plan.what}: the file says so already")
        if written.merged:
            kept = f"{plan.what}: saved; {plan.path.name} had changed elsewhere, and that is kept"
            return SaveResult("merged", f"{kept}{warned}")
        return SaveResult("saved", f"{plan.what}: saved into {plan.path.name}, in effect at once{warned}")


def _warnings(notes: Iterable[RuleNote]) -> str:
    """Return what lint warns of in what was saved: it is in effect, and may do less than was meant."""
    found = [note for note in notes if note.severity == "warning"]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f". Warning: {found[0].message}; {found[0].remedy}{more}" if found else ""


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(EMPTY)
