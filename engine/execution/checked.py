"""Which contents passed the check of their type already: once per content, whatever the number of copies."""

from __future__ import annotations

from collections import OrderedDict

REMEMBERED = 100_000
"""At some 150 bytes each, 15 MB at most; a forgotten content is only checked once more."""


class CheckedContents:
    """Remembers content ids, the longest unused forgotten first. Owned by the event loop."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._seen: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, content: str) -> bool:
        if content not in self._seen:
            return False
        self._seen.move_to_end(content)
        return True

    def add(self, content: str) -> None:
        """Remember that a content is sound."""
        self._seen[content] = None
        self._seen.move_to_end(content)
        if len(self._seen) > self._remembered:
            self._seen.popitem(last=False)
