"""One action, and the screens that it can belong to."""

from __future__ import annotations

from dataclasses import dataclass

ANYWHERE = "anywhere"
DASHBOARD = "dashboard"
CATALOG = "catalog"
TRANSFERS = "transfers"
NODES = "nodes"
ARCHIVE = "archive"
ROUTING = "routing"
SCREENS = (DASHBOARD, CATALOG, TRANSFERS, NODES, ARCHIVE, ROUTING)
LISTS = (CATALOG, TRANSFERS, NODES, ARCHIVE)
PANELS = (DASHBOARD, ARCHIVE, ROUTING)


@dataclass(frozen=True, slots=True)
class Action:
    """One action. ``footer`` orders it in the footer (0: not there; nor on the screens of ``unhinted``, where it is
    named only when something calls for it); ``dangerous`` says that it has the engine do something, be it only to
    look: what a command refuses with ``--read-only`` is taken away here too; ``own_key`` says that the focused list
    answers to the keys itself; ``not_on`` are screens whose own action takes a key that works anywhere else."""

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    screens: tuple[str, ...] = (ANYWHERE,)
    dangerous: bool = False
    undoable: bool = False
    footer: int = 0
    own_key: bool = False
    not_on: tuple[str, ...] = ()
    unhinted: tuple[str, ...] = ()

    def on(self, screen: str) -> bool:
        """Return whether the action exists on a screen."""
        return screen not in self.not_on and (ANYWHERE in self.screens or screen in self.screens)
