"""What the configuration must say after every edit, kept beside the rules desk and without it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.model.configuration import Configuration
from tests.model.truth import Broken

Rules = dict[str, str]
"""By name, in order: the selector of the place of each rule that was saved."""


@dataclass
class _Edit:
    before: Rules
    text: str
    rewrites: int


@dataclass
class RulesTruth:
    """Watches one file."""

    configuration: Configuration
    rules: Rules = field(default_factory=dict)
    _edits: list[_Edit] = field(default_factory=list)
    _base: tuple[str, int] = ("", 0)

    def begin(self) -> None:
        """Remember the file as it is before an edit is made of it."""
        self._base = self.configuration.path.read_text(encoding="utf-8"), self.configuration.rewrites

    def saved(self, name: str, selector: str | None) -> None:
        """Take an edit that was saved: a rule as it reads now, None for one that is gone. One of nothing is none."""
        if self.configuration.path.read_text(encoding="utf-8") == self._base[0]:
            return
        self._edits.append(_Edit(dict(self.rules), *self._base))
        if selector is None:
            del self.rules[name]
        else:
            self.rules[name] = selector

    def undone(self) -> None:
        """Take back the last edit; raises Broken where nobody else wrote and yet not every byte is as it was."""
        last = self._edits.pop()
        self.rules = last.before
        same = self.configuration.path.read_text(encoding="utf-8") == last.text
        if last.rewrites == self.configuration.rewrites and not same:
            raise Broken("an edit was undone, and the file is not what it was before")

    @property
    def undoable(self) -> bool:
        return bool(self._edits)

    def check(self) -> None:
        """Raise unless the file holds every rule that was saved and all that others wrote, and nothing more."""
        policy = self.configuration.read().policy
        written = {rule.name: rule.place[0].selector for rule in policy.rules if rule.line is not None}
        if written != self.rules:
            raise Broken(f"the file's rules are {written}, saved were {self.rules}")
        outside = (policy.replication_target, policy.engine.archive.location)
        if outside != self.configuration.outside:
            raise Broken(f"the file says {outside}, though others wrote {self.configuration.outside}")

    def check_in_force(self, digest: str) -> None:
        """Raise unless the engine works by what the file says."""
        if digest != self.configuration.read().policy.digest:
            raise Broken("what was saved is not in force")


__all__ = ["RulesTruth"]
