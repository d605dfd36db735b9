"""The levers of an engine that not every engine offers: a console may be attached to an older one."""

from __future__ import annotations

from typing import cast

from engine.client import EngineClient
from engine.client_levers import ArchiveClient, RulesClient
from engine.errors import ErrorClass, SyncdeckError


def _offered(client: EngineClient, method: str, subject: str) -> None:
    if not hasattr(client, method):
        raise SyncdeckError(
            "show", subject, "this engine does not offer it", "Restart the engine with the version of this console.",
            ErrorClass.UNSUPPORTED,
        )  # fmt: skip


def archive_of(client: EngineClient) -> ArchiveClient:
    """Return the client for drives and archives. Raises SyncdeckError when the engine offers none."""
    _offered(client, "archive_policy", "archives")
    return cast(ArchiveClient, client)


def rules_of(client: EngineClient) -> RulesClient:
    """Return the client for routing rules. Raises SyncdeckError when the engine offers none."""
    _offered(client, "check_rule", "routing rules")
    return cast(RulesClient, client)
