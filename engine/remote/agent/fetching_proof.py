"""What every chunk of a content must hash to, once that is known, and what is to be checked then: pure."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

from engine.remote.agent.failures import Failure
from engine.remote.agent.fetching_spans import Spans, normal

HEX_CHARACTERS = 64


class Proof:
    """``sha256`` is the promise of the whole content, or None; ``sha256s`` those of its chunks, None until known."""

    def __init__(self, size: int, chunk_bytes: int, sha256: Optional[str]) -> None:
        self.sha256 = sha256
        self.sha256s: Optional[Sequence[str]] = None
        self._size = size
        self._chunk_bytes = chunk_bytes
        self._unproven: Dict[int, Tuple[str, Optional[str]]] = {}

    def learn(self, manifest: Dict[str, Any]) -> List[Tuple[int, Optional[str]]]:
        """Take the manifest over; return (number, source id or None) of the chunks noted before that are wrong.

        Raises Failure source-changed for the manifest of a content of another size.
        """
        joined = manifest["sha256s"]
        sha256s = [joined[at : at + HEX_CHARACTERS] for at in range(0, len(joined), HEX_CHARACTERS)]
        chunks = -(-self._size // self._chunk_bytes)
        if manifest["size"] != self._size or len(sha256s) != chunks or manifest["chunk_bytes"] != self._chunk_bytes:
            cause = "the source holds %d bytes, %d were expected" % (manifest["size"], self._size)
            raise Failure("source-changed", cause, "the next scan sees it")
        self.sha256s = sha256s
        self.sha256 = self.sha256 or manifest["sha256"]
        wrong = [(n, source) for n, (sha256, source) in self._unproven.items() if sha256 != sha256s[n]]
        self._unproven = {}
        return wrong

    def agrees(self, number: int, sha256: str) -> bool:
        """Return whether a chunk with this hash is right as far as is known by now."""
        return self.sha256s is None or self.sha256s[number] == sha256

    def accept(self, number: int, sha256: Optional[str], source_id: Optional[str]) -> bool:
        """Return whether a chunk with this hash, all of it from one source (else None), may be kept.

        ``sha256`` None: nobody hashed it; what is wrong then shows in the hash of the whole.
        """
        if sha256 is None:
            return True
        if self.sha256s is not None:
            return self.sha256s[number] == sha256
        self._unproven[number] = (sha256, source_id)
        return True

    def forget(self, spans: Spans) -> None:
        """Chunks were dropped."""
        for first, past in spans:
            for number in range(first, past):
                self._unproven.pop(number, None)


def numbers_as_spans(wrong: List[Tuple[int, Optional[str]]]) -> Spans:
    """Return the chunks of what ``learn`` found."""
    return normal((number, number + 1) for number, _ in wrong)
