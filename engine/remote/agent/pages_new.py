"""The source's part in a page delta: hash the new version, find what the old one lacks, write that into a file."""

from __future__ import annotations

import os
from array import array
from typing import Any, Dict, Tuple

from engine.remote.agent import pages, pages_moved
from engine.remote.agent.failures import Failure
from engine.remote.agent.pages_behind import HashBehind
from engine.remote.agent.pages_delta import ZLIB, ZSTD, Delta, write_delta
from engine.remote.agent.pages_talk import Talk
from engine.remote.agent.paths import confined, is_temporary
from engine.remote.agent.programs import find_tool
from engine.remote.agent.stats import stat_file, usage

ROOM_SLACK_BYTES = 8 << 20


def tell_new(job: Dict[str, Any], talk: Talk) -> Dict[str, Any]:
    """Answer the orders of one delta; return {sha256, size} of the whole new version, which did not change meanwhile.

    Orders: ``groups`` (the old version's), ``crcs`` (of the pages, the runs that seem to have moved, and
    the blocks that were asked for), ``write`` (the delta, to a path).
    """
    file = pages.Quiet(job["path"], job["root"], job["stat"])
    page_bytes = file.page_bytes()
    talk.say({"page": page_bytes, "sample": pages.to_text(pages.sample(file, page_bytes, job["other_size"]))})
    again = pages.Quiet(job["path"], job["root"], job["stat"])
    whole = HashBehind(again.fd, again.size)

    def moved(done: int) -> None:
        whole.reached(done)
        talk.moved(done)

    ours = pages.checksums(file, page_bytes, moved)
    moves, differing = _compare(file, page_bytes, ours, job["other_size"], talk)
    size = sum(length for _, length in differing.spans(file.size))
    talk.say({"step": "differ", "differ": size})
    _, order = talk.hear()
    delta = Delta(file.size, page_bytes, moves, differing)
    talk.say({"written": _write(file, delta, size, order, job["root"], talk)})
    sha256 = whole.result(lambda: talk.moved(0))
    file.ensure_unchanged()
    return {"sha256": sha256, "size": file.size}


def _compare(
    file: pages.Quiet, page_bytes: int, ours: "array[int]", old_size: int, talk: Talk
) -> Tuple[pages_moved.Moves, pages.Runs]:
    """Return what moved, and the blocks that the old version lacks: found by groups, their pages, and their blocks."""
    _, said = talk.hear()
    their_count: int = said["count"]
    groups = pages.differing_groups(pages.group_hashes(ours), pages.from_text(said["groups"]))
    theirs = pages.unpacked(_asked("pages", groups, talk))
    differing = pages.differing_pages(ours, theirs, groups, their_count)
    differing.extend(range(min(their_count, len(ours)), len(ours)))
    moves = pages_moved.Moves()
    if len(differing) * pages_moved.WORTH_LOOKING_SHARE >= len(ours):
        moves = pages_moved.find_moves(
            ours[: file.size // page_bytes], differing, theirs, groups, old_size // page_bytes, their_count
        )
        alone = moves.singles()
        their_hashes = _asked("moved", alone.packed(), talk)
        our_hashes = pages_moved.run_hashes(file, page_bytes, alone.new, alone.counts)
        moves = pages_moved.proven(moves, our_hashes, their_hashes)
        differing = pages_moved.without(differing, moves)
    if not said["in_place"]:
        return moves, pages.differing_blocks(file, page_bytes, differing, array("I"), 0)
    both = array("I", (page for page in differing if page < their_count))
    blocks = pages.unpacked(_asked("blocks", pages.bit_map(both), talk))
    return moves, pages.differing_blocks(file, page_bytes, differing, blocks, len(both))


def _asked(word: str, what: bytes, talk: Talk) -> bytes:
    """Ask the old version's side for checksums; return them."""
    talk.say({"step": word, "want": pages.to_text(what)})
    parts = []
    while True:
        _, said = talk.hear()
        parts.append(pages.from_text(said["crcs"]))
        if said["last"]:
            return b"".join(parts)
        talk.say({"took": len(parts)})


def _write(file: pages.Quiet, delta: Delta, size: int, order: Dict[str, Any], root: str, talk: Talk) -> Dict[str, Any]:
    """Write the delta to the path of the order; return {sha256, stat}. Nothing stays when that fails."""
    path = confined(order["path"], root)
    if not is_temporary(os.path.basename(path)):
        raise Failure("bug", "%s is no temporary name of ours" % path, "report this with the log")
    folder = os.path.dirname(path)
    free = usage(folder)["free"]
    if free < size + ROOM_SLACK_BYTES:
        cause = "the delta may need %d bytes in %s, %d are free" % (size, folder, free)
        raise Failure("no-space", cause, "free some space on this file system")
    codec = ZSTD if order["zstd"] and find_tool("zstd") is not None else ZLIB
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        sha256 = write_delta(fd, file, delta, codec, talk.moved)
    except BaseException:
        os.unlink(path)
        raise
    finally:
        os.close(fd)
    file.ensure_unchanged()
    return {"sha256": sha256, "stat": stat_file(path)}
