"""A folder of ours to try transports in: made, filled, looked at and removed by one short-lived session.

Only the conformance checks start it. It touches nothing outside its folder, and removes that folder when its
stdin ends, so that nothing is left even when the engine is killed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import struct
import sys
import time
from typing import Any, Callable, Dict, List, Optional

from engine.remote.agent.failures import Failure, from_exception
from engine.remote.agent.frames import MARKER, encode, read_frame, write_all
from engine.remote.agent.paths import resolve_root
from engine.remote.agent.stats import usage

BLOCK_BYTES = 1 << 20
# linux/fs.h: what keeps even root from changing a folder.
FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_IMMUTABLE_FL = 0x80086601, 0x40086602, 0x10
PRIVATE = 0o700
MARK = ".syncdeck-conformance-"


def block(seed: str, number: int) -> bytes:
    """Return one MiB of a content that its seed alone decides, so that no node has to be sent it."""
    return hashlib.shake_128(("%s:%d" % (seed, number)).encode("utf-8")).digest(BLOCK_BYTES)


class Scratch:
    """One folder; every name is relative to it."""

    def __init__(self, root: str, name: str) -> None:
        if not name.startswith(MARK) or "/" in name:
            raise Failure("bug", "%r is no scratch name of ours" % name, "report this with the log")
        self.folder = os.path.join(resolve_root(root), name)
        self._sealed: List[str] = []
        os.mkdir(self.folder, PRIVATE)

    def place(self, name: str) -> str:
        """Return the path of a name; raises Failure where it would leave the folder."""
        path = os.path.join(self.folder, name)
        parent = os.path.realpath(os.path.dirname(path))
        if ".." in name.split("/") or (parent + "/").find(self.folder + "/") != 0:
            raise Failure("bug", "%r leaves the scratch folder" % name, "report this with the log")
        return path

    def write(self, name: str, seed: str, size: int, start: int = 0) -> None:
        """Make a file of the first ``size`` bytes of a seed's content; bytes before ``start`` stay a hole."""
        path = self.place(name)
        os.makedirs(os.path.dirname(path), PRIVATE, exist_ok=True)
        with open(path, "wb") as file:
            for number in range(start // BLOCK_BYTES, -(-size // BLOCK_BYTES)):
                begin = number * BLOCK_BYTES
                skipped = max(0, start - begin)
                file.seek(begin + skipped)
                file.write(block(seed, number)[skipped : size - begin])
            file.truncate(size)

    def append(self, name: str, seed: str, size: int) -> None:
        """Add ``size`` bytes at a file's end."""
        with open(self.place(name), "ab") as file:
            file.write(block(seed, 0)[:size])

    def flip(self, name: str, offset: int) -> None:
        """Invert every bit of one byte."""
        with open(self.place(name), "r+b") as file:
            file.seek(offset)
            byte = file.read(1)
            file.seek(offset)
            file.write(bytes([byte[0] ^ 0xFF]))

    def put(self, name: str, data: str) -> None:
        """Make a small file of exactly these bytes (as hex)."""
        path = self.place(name)
        os.makedirs(os.path.dirname(path), PRIVATE, exist_ok=True)
        with open(path, "wb") as file:
            file.write(bytes.fromhex(data))

    def truncate(self, name: str, size: int) -> None:
        """Cut a file."""
        os.truncate(self.place(name), size)

    def rename(self, name: str, to: str) -> None:
        """Move a file within the folder."""
        os.replace(self.place(name), self.place(to))

    def remove(self, name: str) -> None:
        """Remove a file."""
        os.unlink(self.place(name))

    def link(self, name: str, to: str) -> None:
        """Make a symbolic link; both names lie in the folder."""
        os.symlink(self.place(to), self.place(name))

    def look(self, name: str) -> Optional[Dict[str, Any]]:
        """Return {size, sha256, mode, blocks} of what is there, read independently of any transport; else None."""
        path = self.place(name)
        if not os.path.lexists(path):
            return None
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            found = os.fstat(file.fileno())
            for part in iter(lambda: file.read(BLOCK_BYTES), b""):
                digest.update(part)
        held = found.st_blocks * 512
        return {"size": found.st_size, "sha256": digest.hexdigest(), "mode": found.st_mode & 0o777, "held": held}

    def files(self) -> List[str]:
        """Return the relative names of everything that is no folder, sorted."""
        found = []
        for folder, _, names in os.walk(self.folder):
            found += [os.path.relpath(os.path.join(folder, name), self.folder) for name in names]
        return sorted(found)

    def folders(self, name: str) -> None:
        """Make a folder, and those above it."""
        os.makedirs(self.place(name), PRIVATE, exist_ok=True)

    def seal(self, name: str) -> Optional[str]:
        """Make a folder refuse new files, even to root where the file system can; return why not, else None."""
        path = self.place(name)
        os.chmod(path, 0o500)
        self._sealed.append(path)
        return _set_immutable(path, True) if os.access(path, os.W_OK) else None

    def hide(self, name: str) -> Optional[str]:
        """Make a file unreadable to this user; return why not, else None."""
        path = self.place(name)
        os.chmod(path, 0)
        return "this user may read everything, as root does" if os.access(path, os.R_OK) else None

    def holders(self, patience: float) -> Optional[List[int]]:
        """Return the processes that hold a file of the folder after so many seconds; None where nobody can tell."""
        if not os.path.isdir("/proc/self/fd"):
            return None
        until = time.monotonic() + patience
        while True:
            processes = [entry for entry in os.listdir("/proc") if entry.isdigit() and int(entry) != os.getpid()]
            found = [int(entry) for entry in processes if self._holds(entry)]
            if not found or time.monotonic() > until:
                return found
            time.sleep(0.05)

    def _holds(self, process: str) -> bool:
        try:
            for number in os.listdir("/proc/%s/fd" % process):
                if os.readlink("/proc/%s/fd/%s" % (process, number)).startswith(self.folder + "/"):
                    return True
        except OSError:
            return False  # It ended meanwhile, or belongs to somebody else.
        return False

    def clear(self) -> None:
        """Remove everything in the folder."""
        self._open_sealed()
        for name in os.listdir(self.folder):
            path = os.path.join(self.folder, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)

    def end(self) -> None:
        """Remove the folder itself."""
        self._open_sealed()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _open_sealed(self) -> None:
        while self._sealed:
            path = self._sealed.pop()
            if os.geteuid() == 0:
                _set_immutable(path, False)
            os.chmod(path, PRIVATE)


def _set_immutable(path: str, wanted: bool) -> Optional[str]:
    """Set or clear a folder's immutable flag; return why that is not possible here, else None."""
    if sys.platform != "linux":
        return "this user is root, and only Linux keeps root out of a folder"
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flags = struct.unpack("l", fcntl.ioctl(fd, FS_IOC_GETFLAGS, struct.pack("l", 0)))[0]
        changed = flags | FS_IMMUTABLE_FL if wanted else flags & ~FS_IMMUTABLE_FL
        fcntl.ioctl(fd, FS_IOC_SETFLAGS, struct.pack("l", changed))
    except OSError as error:
        return "this user is root, and this file system cannot keep root out (%s)" % error.strerror
    finally:
        os.close(fd)
    return None


def _serve(scratch: Scratch) -> None:
    operations: Dict[str, Callable[..., Any]] = {
        name: getattr(scratch, name)
        for name in (
            [
                "write",
                "append",
                "flip",
                "put",
                "truncate",
                "rename",
                "remove",
                "link",
                "look",
                "files",
                "folders",
                "seal",
                "hide",
                "holders",
                "clear",
            ]
        )
    }
    while True:
        frame = read_frame(0)
        if frame is None:
            return
        try:
            answer = {"result": operations[frame["op"]](**frame["args"])}
        except Exception as error:  # noqa: BLE001 - every failure travels to the engine
            answer = {"error": from_exception(error, scratch.folder).as_json()}
        write_all(1, encode(answer))


def main(source: bytes) -> None:
    """Be such a session: the job {root, name} comes first on stdin."""
    job = read_frame(0)
    if job is None:
        sys.exit(97)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(1))
    write_all(1, MARKER)
    try:
        scratch = Scratch(job["root"], job["name"])
    except Exception as error:  # noqa: BLE001 - every failure travels to the engine
        write_all(1, encode({"error": from_exception(error, job["root"]).as_json()}))
        return
    try:
        free = usage(scratch.folder)["free"]
        write_all(1, encode({"result": {"folder": scratch.folder, "free": free}}))
        _serve(scratch)
    finally:
        scratch.end()
