"""The agent's parts that need no node: what is sent over, paths, pacing, chunks, and what macOS does differently."""

from __future__ import annotations

import ast
import errno
import os
import shlex
import subprocess
import sys
import threading
import unicodedata
from importlib import resources

import pytest

from engine.remote.agent import machine, platforms
from engine.remote.agent.boot import BOOT, agent_argv
from engine.remote.agent.bundle import agent_source, compiled_agent_source, part_names
from engine.remote.agent.chunks import CHUNK_BYTES, DATA, END, ChunkReader, ChunkWriter
from engine.remote.agent.durable import sync_file
from engine.remote.agent.failures import Failure, from_os_error
from engine.remote.agent.hashing import neutral_header
from engine.remote.agent.pacing import Pacer
from engine.remote.agent.paths import is_mounted, is_temporary

MODES = ["control", "sending", "receiving"]


@pytest.mark.parametrize("mode", MODES)
def test_every_part_is_python_3_8_and_of_the_standard_library(mode: str) -> None:
    for name in part_names(mode):
        source = resources.files("engine.remote.agent").joinpath(f"{name}.py").read_text(encoding="utf-8")
        tree = ast.parse(source, feature_version=(3, 8))
        for node in ast.walk(tree):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            for module in modules:
                assert module.startswith("engine.remote.agent") or module.split(".")[0] in sys.stdlib_module_names
        future = tree.body[1]
        assert isinstance(future, ast.ImportFrom) and future.module == "__future__", name


@pytest.mark.parametrize("mode", MODES)
def test_what_is_sent_over_fits_into_a_pipe(mode: str) -> None:
    """The receiver's source goes into the pipe before anybody reads it: 64 KiB hold on every system."""
    limit = 128 << 10 if mode == "control" else 60 << 10
    assert len(agent_source(mode)) < limit


def test_the_boot_line_passes_through_any_login_shell() -> None:
    assert "\n" not in BOOT and "'" not in BOOT and "!" not in BOOT
    source = b"import os; os.write(1, os.read(0, 9))"
    for shell in ("sh", "bash"):
        command = shlex.join(agent_argv(sys.executable, source))
        ran = subprocess.run([shell, "-c", command], input=source + b"a frame\0\n", capture_output=True, check=True)
        assert ran.stdout == b"a frame\0\n"


def test_a_source_that_is_cut_off_never_runs() -> None:
    argv = agent_argv(sys.executable, b"print('ran')  ")
    ran = subprocess.run(argv, input=b"print('ran')", capture_output=True, check=False)
    assert (ran.returncode, ran.stdout) == (97, b"")


@pytest.mark.parametrize("mode", [*MODES, "fetching"])
def test_a_compiled_agent_is_the_same_program(mode: str) -> None:
    """Both load every part and wait for their job; at the end of stdin both go as one without a job goes."""
    endings = []
    for source in (agent_source(mode), compiled_agent_source(mode)):
        argv = agent_argv(sys.executable, source)
        ran = subprocess.run(argv, input=source, capture_output=True, check=False)
        endings.append((ran.returncode, ran.stdout, ran.stderr))
    assert endings[0] == endings[1]
    assert b"Traceback" not in endings[1][2]


def test_only_our_own_temporary_names_are_ours() -> None:
    assert is_temporary(".games.db.syncdeck-01234567-89abcdef-12-0123456789ab.part")
    assert is_temporary(".größe.npz.syncdeck-01234567-89abcdef-12-s0m3thing.snap")
    for name in (
        "games.db.syncdeck-01234567-89abcdef-12-0123456789ab.part",
        ".games.db.syncdeck-01234567-89abcdef-12-0123456789ab.part.db",
        ".games.db.syncdeck-0123456-89abcdef-12-0123456789ab.part",
        ".syncdeck-01234567-89abcdef-12-0123456789ab.part",
        ".games.db.part",
    ):
        assert not is_temporary(name), name


def test_a_path_below_a_mount_folder_counts_only_under_a_mount_point() -> None:
    mounts = {"/", "/Volumes/OWC", "/run/media/me/disk"}
    for path, mounted in {
        "/Volumes/OWC": True,
        "/Volumes/OWC/selfplay_repository": True,
        "/Volumes/Other": False,
        "/Volumes": False,
        "/run/media/me/disk/data": True,
        "/mnt/data": False,
        "/home/me/ringrift": True,
        "/Volumes2/x": True,
    }.items():
        assert is_mounted(path, mounts.__contains__) is mounted, path


def test_a_backup_alone_does_not_change_the_fingerprint() -> None:
    header = bytes(range(100))
    changed = bytearray(header)
    for index in (18, 19, 24, 27, 40, 43, 92, 99):
        changed[index] ^= 0xFF
    assert neutral_header(bytes(changed)) == neutral_header(header)
    changed[28] ^= 0xFF  # the size in pages
    assert neutral_header(bytes(changed)) != neutral_header(header)


class HandClock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.at = 100.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def test_a_paced_stream_keeps_its_rate_and_follows_a_new_one() -> None:
    clock = HandClock()
    pacer = Pacer(1000.0, clock.now, clock.sleep)
    for _ in range(10):
        pacer.pay(500)
    assert clock.at == pytest.approx(105.0)
    pacer.rate = 10_000.0
    pacer.pay(10_000)
    assert clock.at == pytest.approx(106.0)
    pacer.rate = None
    pacer.pay(10**12)
    assert clock.at == pytest.approx(106.0)


def test_a_new_rate_counts_for_what_is_being_paid_for() -> None:
    clock = HandClock()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.at >= 101.0:
            pacer.rate = None if clock.at >= 102.0 else 2_000.0

    pacer = Pacer(1000.0, clock.now, sleep)
    pacer.pay(1_000_000)
    assert 102.0 <= clock.at <= 102.25


def test_a_rate_that_is_raised_while_a_debt_is_slept_off_counts_at_once() -> None:
    clock = HandClock()
    pacer = Pacer(100.0, clock.now, clock.sleep)

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        pacer.rate = 10_000.0

    pacer._sleep = sleep
    pacer.pay(10_000)
    assert clock.at - 100.0 < 2.0


def test_a_stream_that_was_held_up_does_not_make_up_for_it_at_once() -> None:
    clock = HandClock()
    pacer = Pacer(1000.0, clock.now, clock.sleep)
    clock.at += 60
    start = clock.at
    pacer.pay(1000)
    assert clock.at - start == pytest.approx(0.75)


def test_slow_streams_use_small_chunks() -> None:
    clock = HandClock()
    assert Pacer(None, clock.now, clock.sleep).chunk_bytes(CHUNK_BYTES) == CHUNK_BYTES
    assert Pacer(800_000.0, clock.now, clock.sleep).chunk_bytes(CHUNK_BYTES) == 100_000


def through_a_pipe(encoding: str, damage: int | None = None) -> list[tuple[bytes, bytes]]:
    read_end, write_end = os.pipe()
    data = bytearray()

    def collect() -> None:
        while part := os.read(read_end, 65536):
            data.extend(part)

    collector = threading.Thread(target=collect)
    collector.start()
    writer = ChunkWriter(write_end, encoding)
    wire = writer.write(DATA, memoryview(bytes(range(256)) * 4096)) + writer.write(END, b"{}")
    os.close(write_end)
    collector.join()
    os.close(read_end)
    assert wire == len(data)
    if encoding == "base64":
        assert bytes(data).isascii()
    if damage is not None:
        data[damage] ^= 1
    again_read, again_write = os.pipe()

    def play() -> None:
        with os.fdopen(again_write, "wb") as out:
            try:
                out.write(data)
            except BrokenPipeError:
                return

    player = threading.Thread(target=play)
    player.start()
    reader = ChunkReader(again_read, encoding)
    chunks = []
    try:
        while (chunk := reader.read()) is not None:
            chunks.append((chunk[0], bytes(chunk[1])))
    finally:
        os.close(again_read)
        player.join()
    return chunks


@pytest.mark.parametrize("encoding", ["binary", "base64"])
def test_chunks_arrive_as_they_were_sent(encoding: str) -> None:
    assert through_a_pipe(encoding) == [(DATA, bytes(range(256)) * 4096), (END, b"{}")]


@pytest.mark.parametrize("encoding", ["binary", "base64"])
def test_one_changed_bit_is_noticed(encoding: str) -> None:
    with pytest.raises(Failure) as failure:
        through_a_pipe(encoding, damage=500_000)
    assert failure.value.error_class == "transient-network"


def test_a_full_disk_and_a_refusal_are_told_apart() -> None:
    assert from_os_error(OSError(errno.ENOSPC, "No space left on device", "/x")).error_class == "no-space"
    assert from_os_error(OSError(errno.EDQUOT, "Disk quota exceeded", "/x")).error_class == "no-space"
    assert from_os_error(OSError(errno.ENOENT, "No such file", "/x")).error_class == "not-found"
    assert from_os_error(OSError(errno.EACCES, "Permission denied", "/x")).error_class == "config"
    assert from_os_error(OSError(errno.EPIPE, "Broken pipe")).secondary


# Recorded from macOS 14 and 15.
def test_macos_names_are_one_name_whatever_their_composition() -> None:
    decomposed = unicodedata.normalize("NFD", "Größe.DB")
    assert platforms.nfc(decomposed) == "Größe.DB"


def test_macos_refusals_name_full_disk_access() -> None:
    drive = platforms.refusal_remedy("darwin", errno.EPERM, "/Volumes/OWC/selfplay_repository")
    home = platforms.refusal_remedy("darwin", errno.EPERM, "/Users/me/Documents/ringrift")
    assert "Full Disk Access" in drive and "Full Disk Access" in home
    assert "Full Disk Access" not in platforms.refusal_remedy("darwin", errno.EACCES, "/Users/me/ringrift")
    assert "Full Disk Access" not in platforms.refusal_remedy("linux", errno.EPERM, "/Volumes/x")
    assert "read-write" in platforms.refusal_remedy("linux", errno.EROFS, "/mnt/x")


def test_a_drive_without_full_flushing_falls_back_and_says_so() -> None:
    assert platforms.full_sync_refused(errno.ENOTSUP) and platforms.full_sync_refused(errno.ENOTTY)
    assert not platforms.full_sync_refused(errno.EIO)
    read_end, write_end = os.pipe()
    os.close(read_end)
    os.close(write_end)
    with open(os.devnull, "rb") as file, pytest.raises(OSError, match="Invalid"):
        sync_file(file.fileno())


OPENRSYNC = "openrsync: protocol version 29\nrsync version 2.6.9 compatible\n"
RSYNC = "rsync  version 3.2.7  protocol version 31\nCopyright (C) 1996-2022 by Andrew Tridgell\n"
OLD_MACOS = "rsync  version 2.6.9  protocol version 29\nCopyright (C) 1996-2006 by Andrew Tridgell\n"


def test_openrsync_is_told_apart() -> None:
    assert platforms.is_openrsync(OPENRSYNC) and not platforms.is_openrsync(OLD_MACOS)
    assert machine.version_line(OPENRSYNC) == "openrsync: protocol version 29 / rsync version 2.6.9 compatible"
    assert machine.version_line(RSYNC) == "rsync  version 3.2.7  protocol version 31"


def test_ps_of_macos_is_read() -> None:
    output = "    1 /sbin/launchd\n  420 /usr/bin/python3 -m app.coordination.auto_sync_daemon\n"
    assert machine.parse_ps(output) == [
        (1, "/sbin/launchd"),
        (420, "/usr/bin/python3 -m app.coordination.auto_sync_daemon"),
    ]
