"""Credentials taken out of what is written down or shown."""

from __future__ import annotations

import re

_SECRETS = (
    re.compile(r"(?i)\b(authorization\s*[:=]\s*)(?:bearer\s+|basic\s+)?\S+"),
    re.compile(r"(?i)\b(bearer\s+)\S+"),
    re.compile(
        r"(?i)\b((?:[a-z0-9]+[_-])*(?:password|passwd|secret|token|api[_-]?key|access[_-]?key)(?:[_-][a-z]+)*"
        r"[\"']?\s*[:=]\s*)[\"']?[^\s,\"'}]+"
    ),
    re.compile(r"()\bAKIA[0-9A-Z]{16}\b"),
    re.compile(r"(://[^/\s:@]+:)[^@\s/]+(?=@)"),
)


def redact(text: str) -> str:
    """Return a log text with whatever looks like a credential replaced."""
    for pattern in _SECRETS:
        text = pattern.sub(r"\1[redacted]", text)
    return text
