"""The temporary file of a fetch: filled chunk by chunk in any order, read back in order, its holes written down."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import Any, Callable, List, Sequence

from engine.remote.agent.chunks import CHUNK_BYTES
from engine.remote.agent.fetching_spans import Spans, common, normal, union, without
from engine.remote.agent.holes import Holes, read_holes, remove_holes, write_holes
from engine.remote.agent.partial import PartialFile
from engine.remote.agent.storing import store

BLOCK_BYTES = 512  # of st_blocks


class FetchedFile(PartialFile):
    """``held`` are the chunks that are written. Its hash is that of what was read back, as PartialFile's is."""

    def __init__(self, path: str, size: int, root: str, chunk_bytes: int, content: str) -> None:
        self.chunk_bytes = chunk_bytes
        self.held: Spans = []
        self._content = content
        self._noted = False
        self._noted_spans: Spans = []
        self._spoilt = False
        self._hashed_before = 0
        self._removed = False
        self._marking = threading.Lock()
        super().__init__(path, size, root)
        self.resumed = self.held_bytes

    @property
    def held_bytes(self) -> int:
        """How many bytes are written."""
        return sum(min(past * self.chunk_bytes, self.size) - first * self.chunk_bytes for first, past in self.held)

    @property
    def read_back(self) -> int:
        """How many bytes were read back and hashed, those included that had to be once more."""
        return self._hashed_before + self.hashed

    def put(self, number: int, data: memoryview) -> None:
        """Write a chunk. Before the first one that leaves a hole, what is whole is written down."""
        if self._failure is not None:
            raise self._failure
        with self._marking:
            if not self._noted and number * self.chunk_bytes > self._front():
                self._note(self.held)
        store(self.fd, data, number * self.chunk_bytes)
        with self._marking:
            self.held = union(self.held, [(number, number + 1)])
            if self._front() > self.written:
                self._reached(self._front())

    def drop(self, spans: Spans) -> None:
        """Forget chunks: they are not what they must be. What was hashed of them is hashed anew at the end."""
        with self._marking:
            self.held = without(self.held, spans)
            self._note(self.held)
        if any(first * self.chunk_bytes < self.written for first, _ in spans):
            self._spoilt = True

    def distrust(self) -> None:
        """Have the whole hashed anew at the end."""
        self._spoilt = True

    def note_holes(self) -> None:
        """Write down what is held now, where there are holes and something changed."""
        with self._marking:
            if self._noted and self.held != self._noted_spans:
                self._note(self.held)

    def wrong_chunks(self, sha256s: Sequence[str], spans: Spans, waiting: Callable[[], None]) -> Spans:
        """Return which chunks of ``spans``, read from the disk, do not hash to what they must."""
        wrong: List["tuple[int, int]"] = []
        buffer = memoryview(bytearray(CHUNK_BYTES))
        for first, past in spans:
            for number in range(first, past):
                if self._hash_of(number, buffer) != sha256s[number]:
                    wrong.append((number, number + 1))
                waiting()
        return normal(wrong)

    def finish(self, waiting: Callable[[], None]) -> "dict[str, Any]":
        """As PartialFile's; there are no holes any more. May be called again after chunks were dropped and put."""
        if self._spoilt:
            self._hash_anew(waiting)
        done = super().finish(waiting)
        with self._marking:
            remove_holes(self.path)
            self._noted = False
        return done

    def remove(self) -> None:
        """Remove the file and what is known of it."""
        with self._marking:
            self._removed = True
            super().remove()
            remove_holes(self.path)

    def _take_up(self) -> int:
        """Keep what is known to be verified, wherever it lies; return how much there is from the start."""
        found = os.fstat(self.fd).st_size
        holes = read_holes(self.path)
        whole = self._whole_chunks(found) if found <= self.size else 0
        if holes is None:
            self.held = normal([(0, whole)])
        elif holes.content in ("", self._content) and holes.chunk_bytes == self.chunk_bytes:
            self.held = common(normal(holes.spans), [(0, whole)])
        end = self.held[-1][1] * self.chunk_bytes if self.held else 0
        os.ftruncate(self.fd, min(end, self.size))
        if self._front() < end:
            self._note(self.held)
        else:
            remove_holes(self.path)
        return self._front()

    def _lacking(self) -> int:
        """A file with holes may have its room already."""
        return self.size - min(self.size, max(self.held_bytes, os.fstat(self.fd).st_blocks * BLOCK_BYTES))

    def _whole_chunks(self, found: int) -> int:
        return -(-found // self.chunk_bytes) if found == self.size else found // self.chunk_bytes

    def _front(self) -> int:
        """Return up to where the file is written without a hole."""
        whole = self.held[0][1] if self.held and self.held[0][0] == 0 else 0
        return min(whole * self.chunk_bytes, self.size)

    def _note(self, spans: Spans) -> None:
        if self._removed:
            return
        write_holes(self.path, Holes(self._content, self.chunk_bytes, spans))
        self._noted = True
        self._noted_spans = spans

    def _hash_of(self, number: int, buffer: memoryview) -> str:
        digest = hashlib.sha256()
        position, end = number * self.chunk_bytes, min((number + 1) * self.chunk_bytes, self.size)
        while position < end:
            data = os.pread(self.fd, min(len(buffer), end - position), position)
            if not data:
                break
            digest.update(data)
            position += len(data)
        return digest.hexdigest()

    def _hash_anew(self, waiting: Callable[[], None]) -> None:
        """Start reading back from the beginning, after the thread that did so until now ended."""
        with self._moved:
            self._complete = True
            self._moved.notify_all()
        while self._hasher.is_alive():
            self._hasher.join(0.25)
            waiting()
        self._spoilt = False
        self._hashed_before += self.hashed
        self.hashed = 0
        self._digest = hashlib.sha256()
        self._hasher = threading.Thread(target=self._guarded, args=(self._read_back,), daemon=True)
        self._hasher.start()
