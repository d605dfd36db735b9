"""Long work in a polite process that says now and then how far it is: archives, deletions, new names, usage."""

from __future__ import annotations

from typing import Any, Callable, Dict

from engine.remote.agent.archiving import make_archive, restore_archive, verify_archive
from engine.remote.agent.deleting import delete_proven
from engine.remote.agent.hashing import be_polite
from engine.remote.agent.keeping import keep_beside
from engine.remote.agent.pages_talk import Talk, converse
from engine.remote.agent.usage_tree import usage_tree

Work = Callable[[Dict[str, Any], Talk], Any]

WORK: Dict[str, Work] = {
    "archive": lambda job, talk: make_archive(job, talk.moved),
    "verify_archive": lambda job, talk: verify_archive(job, talk.moved),
    "restore_archive": lambda job, talk: restore_archive(job, talk.moved),
    "delete_proven": lambda job, talk: delete_proven(job, talk.moved),
    "keep_beside": lambda job, talk: keep_beside(job, talk.moved),
    "usage_tree": lambda job, talk: usage_tree(job, talk.say, talk.moved),
}


def serve(job: Dict[str, Any]) -> None:
    """Be such a process: do the job, say how it ended, end."""
    be_polite()
    converse(lambda talk: WORK[job["mode"]](job, talk))
