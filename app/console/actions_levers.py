"""The part of the table of actions that belongs to the operator's levers: archives and routing rules."""

from __future__ import annotations

from app.console.action import ARCHIVE, CATALOG, DASHBOARD, NODES, ROUTING, Action

LEVER_ACTIONS: tuple[Action, ...] = (
    Action(
        "archive",
        ("a",),
        "archive",
        "Archive the selected candidates; first shows bytes, copies and proof.",
        (ARCHIVE,),
        dangerous=True,
        undoable=True,
        footer=1,
    ),
    Action(
        "restore",
        ("R",),
        "restore",
        "Bring the selected archives back to where they came from, or elsewhere.",
        (ARCHIVE,),
        dangerous=True,
        footer=2,
    ),
    Action(
        "why",
        ("x",),
        "why",
        "Say why the file may not be archived, or what proves that it may.",
        (ARCHIVE,),
        footer=3,
    ),
    Action(
        "verify", ("v",), "verify", "Read the selected archives back in full; with none, all.", (ARCHIVE,), footer=4
    ),
    Action("drill", ("D",), "drill", "Restore a sample into scratch space, compare, remove it.", (ARCHIVE,)),
    Action(
        "archive_cancel",
        ("c",),
        "cancel",
        "Stop the selected archives that are being written or restored; originals stay.",
        (ARCHIVE,),
        dangerous=True,
    ),
    Action(
        "archive_allow",
        ("A",),
        "allow",
        "Let the automatic policy archive by itself, or take that back.",
        (ARCHIVE,),
        dangerous=True,
        undoable=True,
    ),
    Action("rule_new", ("n",), "new", "Write a new rule before the one under the cursor.", (ROUTING,), True, True, 2),
    Action(
        "rule_fix",
        ("f",),
        "fix",
        "Show what mends the finding under the cursor, and apply it.",
        (ROUTING,),
        dangerous=True,
        undoable=True,
        footer=1,
    ),
    Action("rule_up", ("K",), "move up", "Let the rule decide one place earlier.", (ROUTING,), True, True, 4),
    Action("rule_down", ("J",), "move down", "Let the rule decide one place later.", (ROUTING,), True, True, 5),
    Action("rule_remove", ("d",), "remove", "Remove the rule; first shows what changes.", (ROUTING,), True, True, 6),
    Action(
        "rule_restore",
        ("B",),
        "put back",
        "Put back a rule that was saved here and has vanished from the file; first shows what changes.",
        (ROUTING, DASHBOARD),
        dangerous=True,
        undoable=True,
        footer=3,
        unhinted=(DASHBOARD,),
    ),
    Action(
        "explain",
        ("x",),
        "explain",
        "Say why a file is, or is not, to be at a node: every line that had a say.",
        (CATALOG, NODES, ROUTING),
        footer=18,
    ),
)
