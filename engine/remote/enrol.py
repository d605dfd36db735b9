"""Trusting a node's host keys: what answers now, what was trusted before, and writing only that address anew."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from config.types import Address
from engine.errors import ErrorClass, SyncdeckError
from engine.remote.child import StderrTail, spawn

SCAN_SECONDS = 10
KEY_TYPES = "ed25519,ecdsa,rsa"
FOUND_LINE = re.compile(r"^# Host .* found: line (\d+)")
OPERATION = "enrol"


@dataclass(frozen=True, slots=True)
class HostKey:
    """One public host key, as known_hosts holds it."""

    key_type: str
    blob: str
    """Base64, without comment."""

    @property
    def fingerprint(self) -> str:
        """``SHA256:...`` as ssh-keygen shows it."""
        digest = hashlib.sha256(base64.b64decode(self.blob)).digest()
        return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")


def host_name(address: Address) -> str:
    """Return the name under which known_hosts lists an address."""
    return address.host if address.port == 22 else f"[{address.host}]:{address.port}"


async def scan_host_keys(address: Address) -> list[HostKey]:
    """Return the keys that the server at an address presents now; raises SyncdeckError when none answers."""
    if address.host.startswith("-"):  # It would be read as an option.
        raise SyncdeckError(OPERATION, address.host, "this is no host name", "correct ssh_host", ErrorClass.CONFIG)
    _, output, words = await _run(
        ["ssh-keyscan", "-T", str(SCAN_SECONDS), "-t", KEY_TYPES, "-p", str(address.port), address.host]
    )
    keys = sorted(set(_keys(output.splitlines())), key=lambda key: key.key_type)
    if not keys:
        cause = words.strip().splitlines()[-1] if words.strip() else "no SSH server answered"
        raise SyncdeckError(
            OPERATION,
            host_name(address),
            cause,
            "see that the node is up and that its address and port are right, then enrol it again",
            ErrorClass.TRANSIENT_NETWORK,
        )
    return keys


async def known(address: Address, file: Path) -> list[HostKey]:
    """Return the keys that a known_hosts file trusts for an address, hashed names included."""
    lines, _ = await _listed(address, file)
    return sorted(set(_keys(lines)), key=lambda key: key.key_type)


async def enrol(address: Address, keys: Sequence[HostKey], file: Path) -> None:
    """Make ``keys`` the only ones that a known_hosts file trusts for an address; every other line stays as it is.

    The file is replaced atomically. Raises SyncdeckError when it cannot be written.
    """
    _, numbers = await _listed(address, file)
    try:
        text = file.read_text(encoding="utf-8", errors="surrogateescape") if file.exists() else ""
        _replace(file, replaced(text, host_name(address), numbers, keys))
    except OSError as error:
        raise SyncdeckError(
            OPERATION, str(file), error.strerror or str(error), "make the file writable", ErrorClass.CONFIG
        ) from error


def replaced(text: str, name: str, numbers: Iterable[int], keys: Sequence[HostKey]) -> str:
    """Return known_hosts text in which the lines ``numbers`` (from 1) no longer speak for ``name``, but keys do.

    A line that lists other names as well keeps those.
    """
    lines = text.splitlines()
    gone = set(numbers)
    kept: list[str] = []
    for number, line in enumerate(lines, start=1):
        if number not in gone:
            kept.append(line)
            continue
        names, _, rest = line.partition(" ")
        others = [other for other in names.split(",") if other != name]
        if others and not names.startswith("|") and len(others) < len(names.split(",")):
            kept.append(f"{','.join(others)} {rest}")
    kept += [f"{name} {key.key_type} {key.blob}" for key in keys]
    return "\n".join(kept) + "\n"


async def _listed(address: Address, file: Path) -> tuple[list[str], list[int]]:
    """Return the lines of a file that ssh finds for an address, and their numbers; markers (@) are left alone."""
    if not file.exists():
        return [], []
    _, output, _ = await _run(["ssh-keygen", "-F", host_name(address), "-f", str(file)])
    lines: list[str] = []
    numbers: list[int] = []
    for line in output.splitlines():
        found = FOUND_LINE.match(line)
        if found is not None and not line.rstrip().endswith(("CA", "REVOKED")):
            numbers.append(int(found.group(1)))
        elif not line.startswith(("#", "@")):
            lines.append(line)
    return lines, numbers


def _keys(lines: Iterable[str]) -> Iterable[HostKey]:
    for line in lines:
        words = line.split()
        if len(words) >= 3 and not line.startswith(("#", "@")):
            yield HostKey(words[1], words[2])


def _replace(file: Path, text: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = file.resolve()
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as written:
            written.write(text)
            written.flush()
            os.fchmod(written.fileno(), mode)
            os.fsync(written.fileno())
        os.replace(name, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise


async def _run(argv: Sequence[str]) -> tuple[int, str, str]:
    child = await spawn(argv)
    assert child.stdin is not None and child.stdout is not None
    child.stdin.close()
    stderr = StderrTail(child.stderr)
    try:
        output = await child.stdout.read()
        code = await child.drained(stderr.task)
    finally:
        await child.kill()
    return code, output.decode("utf-8", "surrogateescape"), stderr.text()
