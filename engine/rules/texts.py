"""The texts that hold routing rules, and what a draft makes of them. Pure but for reading."""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from config.document import Path as KeyPath
from config.editing.errors import EditRefused
from config.editing.fixes import Fix, find_fixes
from config.editing.rules import RULES, RuleEdit, apply_rule_edit, merge_rule_edit, parse_rule, rule_names
from config.editing.splice import apply_edits
from config.load import LoadedConfig, load_text
from config.rules_file import EMPTY, RULES_KEY
from config.source import read_text
from engine.views_rules import RuleDraft


@dataclass(frozen=True, slots=True)
class RuleTexts:
    """The configuration file and, where it names one, its file of rules (None: not there yet)."""

    main_path: Path
    main: str
    rules_path: Path | None = None
    rules: str | None = None

    @property
    def digest(self) -> str:
        """What names these texts."""
        return hashlib.sha256(f"{self.main}\0{self.rules_path}\0{self.rules}".encode()).hexdigest()

    def text(self, path: Path) -> str:
        """Return one of the two."""
        return self.main if path == self.main_path else EMPTY if self.rules is None else self.rules

    def with_text(self, path: Path, text: str) -> RuleTexts:
        """Return the texts with another one in place of one of the two."""
        return replace(self, main=text) if path == self.main_path else replace(self, rules=text)

    def key(self, path: Path) -> KeyPath:
        """Return where the list of rules is in a file."""
        return RULES if path == self.main_path else (RULES_KEY,)

    def names(self, path: Path) -> tuple[str, ...]:
        """Return the names of a file's rules."""
        return rule_names(self.text(path), self.key(path))

    @property
    def paths(self) -> tuple[Path, ...]:
        """Both files, in the order in which their rules decide."""
        return (self.main_path,) if self.rules_path is None else (self.main_path, self.rules_path)

    def load(self) -> LoadedConfig:
        """Return the configuration that the texts amount to; raises ConfigError."""
        rules = None if self.rules_path is None else self.text(self.rules_path)
        return load_text(self.main, str(self.main_path), rules)


@dataclass(frozen=True, slots=True)
class Planned:
    """What a draft does: to which file, by which edit (None: a fix), in words."""

    path: Path
    edit: RuleEdit | None
    fix_id: str | None
    what: str

    def apply(self, texts: RuleTexts) -> str:
        """Return the file's new text; raises EditRefused."""
        text = texts.text(self.path)
        if self.edit is not None:
            return apply_rule_edit(text, self.edit, texts.key(self.path))
        return apply_edits(text, *fix_named(text, str(self.path), self.fix_id or "").edits)

    def merge(self, base: str, theirs: str, key: KeyPath) -> str:
        """Return a changed text with the edit that was made against ``base``; raises Overlap, EditRefused."""
        if self.edit is not None:
            return merge_rule_edit(base, theirs, self.edit, key)
        return apply_edits(theirs, *fix_named(theirs, str(self.path), self.fix_id or "").edits)


def read_texts(loaded: LoadedConfig) -> RuleTexts:
    """Return what the files of a configuration say now; raises ConfigError. Blocks for a few milliseconds."""
    main = Path(loaded.document.file)
    if loaded.apart is None:
        return RuleTexts(main, read_text(main))
    path = loaded.apart.path
    return RuleTexts(main, read_text(main), path, read_text(path) if path.exists() else None)


def planned(texts: RuleTexts, draft: RuleDraft) -> Planned:
    """Return what a draft does; raises EditRefused when it cannot mean anything."""
    if draft.fix_id is not None:
        return Planned(texts.main_path, None, draft.fix_id, f"fix {draft.fix_id}")
    path, before = _place(texts, draft)
    edit = RuleEdit(draft.yaml, draft.replaces, before)
    if not draft.yaml.strip():
        if draft.replaces is None:
            raise EditRefused("the draft is empty", "write `name: ...`, `match: ...` and `place: ...`", 1)
        return Planned(path, edit, None, f"remove rule {draft.replaces}")
    name = parse_rule(draft.yaml)["name"]
    others = [other for other in texts.paths if other != path and name in texts.names(other)]
    if others and name != draft.replaces:
        raise EditRefused(f"there is a rule called {name} in {others[0].name}", "give the rule another name", 1)
    return Planned(path, edit, None, f"change rule {draft.replaces}" if draft.replaces else f"add rule {name}")


def fix_named(text: str, file: str, fix_id: str) -> Fix:
    """Return a fix by its id; raises EditRefused when there is nothing of that id to mend (any more)."""
    for fix in find_fixes(text, file):
        if fix.id == fix_id:
            return fix
    raise EditRefused(f"there is nothing to fix under {fix_id}", "read the fixes again: the file may be mended")


def diff_of(before: str, after: str, name: str) -> str:
    """Return two texts as a unified diff; empty when they are equal."""
    lines = before.splitlines(keepends=True), after.splitlines(keepends=True)
    shown = difflib.unified_diff(*lines, fromfile=name, tofile=name)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in shown)


def _place(texts: RuleTexts, draft: RuleDraft) -> tuple[Path, str | None]:
    """Return the file that a draft edits, and the rule before which it goes (None: where it is, or last)."""
    rows = [(path, name) for path in texts.paths for name in texts.names(path)]
    position = draft.position
    if position is not None and not 0 <= position <= len(rows):
        raise EditRefused(f"there is no place {position} among {len(rows)} rules", "read the rules again")
    if draft.replaces is not None:
        found = next((path for path, name in rows if name == draft.replaces), None)
        if found is None:
            raise EditRefused(f"there is no rule called {draft.replaces} in the file", "read the rules again")
        at = rows[position] if position is not None and position < len(rows) else None
        return found, at[1] if at is not None and at[0] == found else None
    own = texts.rules_path or texts.main_path
    if position is None or position == len(rows):
        return own, None
    return rows[position]
