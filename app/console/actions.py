"""Everything an operator can do, in one table: bindings, footer, help, palette, documentation and the
read-only gate all read it, so that none of them can say something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.console.action import (
    ANYWHERE,
    ARCHIVE,
    CATALOG,
    DASHBOARD,
    LISTS,
    NODES,
    PANELS,
    ROUTING,
    SCREENS,
    TRANSFERS,
    Action,
)
from app.console.actions_levers import LEVER_ACTIONS
from app.console.actions_nodes import NODE_ACTIONS

if TYPE_CHECKING:
    from textual.binding import Binding

__all__ = [
    "ACTIONS", "ANYWHERE", "ARCHIVE", "BY_ID", "CATALOG", "DASHBOARD", "GOES_TO", "LISTS", "NODES", "ROUTING",
    "SCREENS", "SCREEN_ACTIONS", "TRANSFERS", "Action", "Keys", "bindings_for", "key_name", "keymap_faults",
    "markdown_table", "on_screen",
]  # fmt: skip

ACTIONS: tuple[Action, ...] = (
    Action("go_dashboard", ("1",), "Dashboard", "What needs you, disks, freshness, transfers."),
    Action("go_catalog", ("2",), "Catalog", "Every file, where each copy is, and why."),
    Action("go_transfers", ("3",), "Transfers", "What moves, what waits and why, what is over."),
    Action("go_nodes", ("4",), "Nodes", "Each node, what would be lost with it, emergencies and drains."),
    Action("go_archive", ("5",), "Archive", "What fills the drives, what could be archived, what is archived."),
    Action("go_routing", ("6",), "Routing", "The rules in order, what is wrong with them, and trying changes."),
    Action(
        "sync",
        ("s",),
        "sync",
        "Sync the selected rows, or everything; first shows what would move.",
        dangerous=True,
        footer=11,
    ),
    Action(
        "emergency",
        ("e",),
        "emergency",
        "Save what exists only on ephemeral or failing nodes, on Nodes the selected ones; first shows what would move.",
        dangerous=True,
        footer=12,
    ),
    Action(
        "run",
        ("R",),
        "run",
        "Let the engine move data: go after observing, go on after a pause.",
        dangerous=True,
        undoable=True,
        not_on=(ARCHIVE,),
    ),
    Action(
        "pause_engine",
        ("P",),
        "pause engine",
        "Stop all transfers and start none; what arrived is kept.",
        dangerous=True,
        undoable=True,
    ),
    Action(
        "rescan",
        ("n",),
        "rescan",
        "Look at all nodes now instead of at their next turn.",
        dangerous=True,
        not_on=(ROUTING,),
    ),
    Action("retry", ("t",), "retry", "Try the selected transfers now.", (TRANSFERS,), dangerous=True, footer=13),
    Action(
        "cancel",
        ("x",),
        "cancel",
        "Cancel the selected transfers; nothing of them stays behind.",
        (TRANSFERS,),
        dangerous=True,
        undoable=True,
        footer=14,
    ),
    Action(
        "hold",
        ("h",),
        "hold",
        "Pause the selected transfers, keeping what arrived; let them go on when they are paused.",
        (TRANSFERS,),
        dangerous=True,
        undoable=True,
    ),
    Action(
        "bandwidth",
        ("b",),
        "bandwidth",
        "Limit how fast the fleet's transfers go, now.",
        (DASHBOARD, TRANSFERS),
        dangerous=True,
        undoable=True,
    ),
    *NODE_ACTIONS,
    *LEVER_ACTIONS,
    Action(
        "undo",
        ("u",),
        "undo",
        "Undo the last cancel, pause, limit or run; on Archive the last archiving, on Routing the last edit.",
        dangerous=True,
    ),
    Action("filter", ("slash",), "filter", "Filter as you type; esc clears it.", (*LISTS, ROUTING), footer=15),
    Action("sort", ("o",), "sort", "Sort by the next column.", (CATALOG, ARCHIVE), footer=16),
    Action("reverse", ("O",), "reverse", "Turn the order round.", (CATALOG,)),
    Action("type", ("f",), "type", "Show the next data type only, then all again.", (CATALOG,), footer=17),
    Action(
        "show",
        ("w",),
        "show",
        "Show only what is missing, under-replicated, at risk, stale or diverged.",
        (CATALOG,),
        footer=18,
    ),
    Action("history", ("f",), "history", "Show or hide transfers that are over.", (TRANSFERS,), footer=17),
    Action("mark", ("space",), "select", "Select the row, or take it back.", LISTS, footer=19),
    Action("copy", ("y",), "copy", "Copy what the cursor is on to the clipboard of your terminal."),
    Action("open", ("enter",), "open", "Open what the cursor is on.", own_key=True),
    Action("up", ("up", "k"), "up", "Move up.", own_key=True),
    Action("down", ("down", "j"), "down", "Move down.", own_key=True),
    Action("first", ("home", "g"), "first", "Go to the first row.", own_key=True),
    Action("last", ("end", "G"), "last", "Go to the last row.", own_key=True),
    Action("next_panel", ("tab",), "next panel", "Go to the next panel.", PANELS, own_key=True),
    Action("back", ("escape",), "back", "Close, clear the filter, clear the selection, then go back."),
    Action("pause_view", ("p",), "pause view", "Stop or go on refreshing what is shown."),
    Action("palette", ("ctrl+p",), "palette", "Find any action by name.", own_key=True),
    Action("quit", ("q",), "quit", "Leave. An embedded engine stops; its work goes on at the next start.", footer=20),
    Action("help", ("question_mark",), "help", "The keys of this screen.", footer=21),
)

BY_ID: dict[str, Action] = {action.id: action for action in ACTIONS}

SCREEN_ACTIONS: dict[str, str] = {screen: f"go_{screen}" for screen in SCREENS}
"""The action that leads to each screen. Every screen has one in the table."""
GOES_TO = {action: screen for screen, action in SCREEN_ACTIONS.items()}

_NAMES = {
    "slash": "/", "question_mark": "?", "space": "space", "escape": "esc", "up": "↑", "down": "↓",
    "exclamation_mark": "!", "full_stop": ".", "comma": ",", "colon": ":", "semicolon": ";", "minus": "-",
    "plus": "+",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys in force: the table's own, some replaced by the operator's keymap (action id to keys)."""

    remapped: Mapping[str, str]

    def of(self, action: Action) -> tuple[str, ...]:
        """Return the keys of an action."""
        replaced = self.remapped.get(action.id)
        return tuple(replaced.split(",")) if replaced else action.keys

    def shown(self, action: Action) -> str:
        """Return the first key of an action as it is shown."""
        return key_name(self.of(action)[0])

    def all_shown(self, action: Action) -> str:
        """Return all keys of an action as they are shown."""
        return " ".join(key_name(key) for key in self.of(action))


def key_name(key: str) -> str:
    """Return a key as it is shown: ``/`` for ``slash``."""
    return _NAMES.get(key, key)


def on_screen(screen: str, read_only: bool = False) -> Iterator[Action]:
    """Yield the actions of a screen; a read-only console has none that change something."""
    for action in ACTIONS:
        if action.on(screen) and not (read_only and action.dangerous):
            yield action


def bindings_for(screen: str) -> list[Binding]:
    """Return the bindings of one screen, or of ``anywhere``; all run through the one gate in the app."""
    # Here, because a command that gives an action's key to a script must not load the terminal's library.
    from textual.binding import Binding

    return [
        Binding(",".join(action.keys), f"app.do('{action.id}')", action.label, show=False, id=action.id)
        for action in ACTIONS
        if screen in action.screens and not action.own_key
    ]


def keymap_faults(keymap: Mapping[str, str]) -> list[str]:
    """Return what is wrong with an operator's keymap: unknown actions, and keys given twice on one screen."""
    faults = [f"no action is called {name}" for name in keymap if name not in BY_ID or BY_ID[name].own_key]
    keys = Keys({name: value for name, value in keymap.items() if name in BY_ID})
    for screen in SCREENS:
        seen: dict[str, str] = {}
        for action in on_screen(screen):
            for key in keys.of(action):
                if key in seen:
                    faults.append(f"{key_name(key)} is given to both {seen[key]} and {action.id}")
                seen[key] = action.id
    return sorted(set(faults))


def markdown_table() -> str:
    """Return the table of keys for the documentation."""
    rows = ["| Key | Action | Where | What it does |", "|---|---|---|---|"]
    keys = Keys({})
    for action in ACTIONS:
        where = ", ".join(action.screens).replace(ANYWHERE, "everywhere")
        where += f" but {', '.join(action.not_on)}" if action.not_on else ""
        marks = " Can be undone." if action.undoable else ""
        gone = " Not with `--read-only`." if action.dangerous else ""
        shown = " ".join(f"`{key_name(key)}`" for key in keys.of(action))
        rows.append(f"| {shown} | {action.label} | {where} | {action.help}{marks}{gone} |")
    return "\n".join(rows) + "\n"
