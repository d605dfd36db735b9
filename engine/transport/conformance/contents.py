"""Checks of what arrives: any size, any name, proven by its hash, private until published."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

from engine.errors import ErrorClass, SyncdeckError
from engine.model import FileKind
from engine.transport.conformance.bench import Bench, Broken, told
from engine.transport.conformance.check import Check
from engine.transport.errors import BadSource
from engine.transport.fetch_types import MANIFEST_CHUNK_BYTES

MIB = 1 << 20
HARD_NAMES = (
    "two words 'quote\" $HOME $(touch ran) `id` *?[a-z] \\n ; & | <x> # ~ % %41 +.npz",
    "-rf --leading dash.npz",
    "U\u0308n\u0131\u0308co\u0308de\u0301 \u65e5\u672c \U0001f3b2 decomposed.npz",
    "\u00dcn\u00efc\u00f6d\u00e9 \u65e5\u672c \U0001f3b2 composed.npz",
    ".hidden.npz",
)
LONGEST_NAME_BYTES = 255
DEEP_FOLDERS = 12


async def put_and_prove(bench: Bench) -> str:
    """Progress only grows, never beyond the file; only the temporary file appears; the source stays."""
    job = await bench.made(3 * MIB + 1)
    before = await bench.source.look("file.npz")
    seen: list[int] = []
    outcome = await bench.delivered(job, lambda done, wire: seen.append(done))
    if seen != sorted(seen) or (seen and seen[-1] > job.size_bytes):
        raise Broken(f"progress went backwards or beyond the file: {seen[:20]}")
    if await bench.source.look("file.npz") != before:
        raise Broken("the source is not what it was before it was copied")
    await _only(bench, bench.temp_name(job))
    there = await bench.target.look(bench.temp_name(job))
    if there is None or there.mode & 0o077:
        raise Broken("the temporary file can be read by other users")
    return f"{outcome.bytes_on_wire} bytes on the wire for {outcome.size_bytes}"


async def _only(bench: Bench, *names: str) -> None:
    stray = set(await bench.target.files()) - set(names)
    if stray:
        raise Broken(f"besides the temporary file these were left: {', '.join(sorted(stray))}")


async def zero_bytes(bench: Bench) -> str:
    """An empty file is a file."""
    await bench.delivered(await bench.made(0))
    return ""


async def sizes(bench: Bench) -> str:
    """Sizes around the pieces that a transport cuts a file into."""
    tried = [1, MIB - 1, MIB + 1, MANIFEST_CHUNK_BYTES, MANIFEST_CHUNK_BYTES + 1]
    for size in tried:
        await bench.delivered(await bench.made(size, seed=f"size {size}", name=f"{size}.npz"))
    return f"{len(tried)} sizes"


async def hard_names(bench: Bench) -> str:
    """No shell, no URL and no pattern reads anything into a name."""
    longest = "\u00e9" * ((LONGEST_NAME_BYTES - 5) // 2) + "x.npz"
    for number, name in enumerate((*HARD_NAMES, longest)):
        await bench.source.write(name, f"name {number}", 4_000 + number)
        await bench.delivered(await bench.job(name))
    stray = [name for name in await bench.target.files() if not name.endswith(".part")]
    if stray or "ran" in await bench.source.files():
        raise Broken(f"a name was run or taken apart: {stray}", "do not use this transport: it lets names run commands")
    return f"{len(HARD_NAMES) + 1} names"


async def deep_path(bench: Bench) -> str:
    """Folders are made as needed."""
    name = "/".join(f"folder {number}" for number in range(DEEP_FOLDERS)) + "/file.npz"
    await bench.source.write(name, "deep", 10_000)
    await bench.delivered(await bench.job(name))
    return f"{DEEP_FOLDERS} folders deep"


async def line_break(bench: Bench) -> str:
    """A name with a line break is refused before anything is made."""
    await bench.source.write("file.npz", "content", 10_000)
    job = await bench.job("file.npz", arrives_as="two\nlines.npz")
    error = await bench.refused(job, ErrorClass.CONFIG)
    await _only(bench)
    return error.cause


async def sparse(bench: Bench, size: int) -> str:
    """Holes are nothing special, and a large file needs no large memory."""
    job = await bench.made(size, start=size - MIB)
    outcome = await bench.delivered(job)
    return f"{outcome.bytes_on_wire} bytes on the wire for {size}"


async def sparse_64_mib(bench: Bench) -> str:
    """See ``sparse``."""
    return await sparse(bench, 64 * MIB)


async def sparse_5_gib(bench: Bench) -> str:
    """See ``sparse``; beyond what 32 bits count."""
    return await sparse(bench, (5 << 30) + 1)


async def wrong_promise(bench: Bench) -> str:
    """Content that is not the promised one never passes for it."""
    job = replace(await bench.made(MIB), sha256="0" * 64)
    try:
        outcome = await bench.copy(job)
    except SyncdeckError as error:
        return told(error, ErrorClass.CHECKSUM_MISMATCH).cause
    if outcome.sha256 == job.sha256:
        raise Broken("another content was called the promised one")
    await bench.arrived(job, outcome)
    return "the true hash is told"


async def kept_promise(bench: Bench) -> str:
    """A known hash is no hindrance."""
    await bench.source.write("file.npz", "content", 2 * MIB + 7)
    seen = await bench.source.look("file.npz")
    if seen is None:
        raise Broken("the source file is gone")
    await bench.delivered(await bench.job("file.npz", sha256=seen.sha256))
    return ""


async def damaged_source(bench: Bench) -> str:
    """An archive whose checksum is wrong is blamed on the source, and is not offered another way."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("policy.npy", bench.chance.randbytes(200_000))
    await bench.source.put("damaged.npz", packed.getvalue())
    await bench.source.flip("damaged.npz", 100_000)
    job = await bench.job("damaged.npz", kind=FileKind.ZIP, check_source=True)
    error = await bench.refused(job, ErrorClass.CHECKSUM_MISMATCH)
    if not isinstance(error, BadSource):
        raise Broken(f"the source is damaged, but is not blamed: {error}")
    return error.cause


CHECKS = (
    Check("put-and-prove", "what arrives is what was sent, proven by its hash, and private", put_and_prove),
    Check("zero-bytes", "an empty file arrives", zero_bytes),
    Check("sizes", "sizes around the pieces that a file is cut into arrive", sizes),
    Check("hard-names", "any name arrives as it is, and none is run", hard_names),
    Check("deep-path", "missing folders are made", deep_path),
    Check("line-break", "a name with a line break is refused", line_break),
    Check("sparse", "a file of holes arrives", sparse_64_mib),
    Check("sparse-5-gib", "a file of holes beyond 4 GiB arrives", sparse_5_gib, long=True),
    Check("wrong-promise", "content that was not promised never passes", wrong_promise),
    Check("kept-promise", "content with a known hash arrives", kept_promise),
    Check("damaged-source", "a damaged source is found and blamed", damaged_source),
)
