"""The part of the table of actions that belongs to nodes that may go."""

from __future__ import annotations

from app.console.action import NODES, Action

NODE_ACTIONS: tuple[Action, ...] = (
    Action(
        "drain",
        ("d",),
        "drain",
        "Empty the node before it is switched off: nothing new goes there, what is only there is copied; again: stop.",
        (NODES,),
        dangerous=True,
        undoable=True,
        footer=3,
    ),
    Action(
        "pause_node",
        ("h",),
        "hold",
        "Pause the selected nodes, keeping what arrived; let them go on when they are paused.",
        (NODES,),
        dangerous=True,
        undoable=True,
        footer=4,
    ),
)
