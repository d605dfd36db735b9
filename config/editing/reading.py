"""A text as data, parsed once for all the questions that one edit asks of it."""

from __future__ import annotations

import functools

from config.document import Document, parse_document

MOST_KEPT = 4
"""The text before and after an edit, and what somebody else wrote meanwhile; each is some 2 MB for 50 hosts."""


@functools.lru_cache(maxsize=MOST_KEPT)
def parsed(text: str) -> Document:
    """Return the document in a text, as ``parse_document`` does. It is shared: nobody may change its data."""
    return parse_document(text, "the file")
