"""The command line that rsync gets: only options that both ends know, only safe words."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import ErrorClass, TransferError
from engine.transport.rsync.command import RsyncRun, build_command, join_shell_argv
from engine.transport.rsync.failures import explain
from engine.transport.rsync.features import RsyncFeatures

NEW, OLD = RsyncFeatures((3, 5, 0)), RsyncFeatures((2, 6, 9))
RUN = RsyncRun(
    source_path="/data/games/my games.db",
    temp_path="/data/in/.x.part",
    remote_host="user@node",
    source_is_remote=True,
    shell_argv=("ssh", "-p", "22", "-o", "IdentityFile=/home/a b/it's"),
    resume=False,
    is_sqlite=False,
    stall_timeout_seconds=60.0,
)


def test_a_fresh_copy_between_new_rsyncs_is_whole_in_place_and_flushed() -> None:
    argv = build_command(RUN, NEW, NEW)
    assert {"--inplace", "--whole-file", "--checksum-choice=none", "--fsync", "-s", "--ignore-times"} <= set(argv)
    assert argv[-3:] == ["--", "user@node:/data/games/my games.db", "/data/in/.x.part"]


def test_an_old_rsync_gets_no_option_that_it_does_not_know_and_a_path_quoted_for_the_remote_shell() -> None:
    argv = build_command(RUN, OLD, NEW)
    assert not {"-s", "--fsync", "--outbuf=N", "--info=progress2", "--checksum-choice=none"} & set(argv)
    assert "--progress" in argv
    assert argv[-2] == "user@node:'/data/games/my games.db'"


def test_an_old_rsync_at_the_far_end_is_spared_new_server_options() -> None:
    argv = build_command(RUN, NEW, OLD)
    assert not {"-s", "--fsync", "--checksum-choice=none"} & set(argv)
    assert "--info=progress2" in argv


def test_a_partial_file_is_continued_by_blocks_that_match_database_pages() -> None:
    argv = build_command(replace(RUN, resume=True, is_sqlite=True), NEW, NEW)
    assert {"--no-whole-file", "--block-size=4096", "--inplace"} <= set(argv)
    assert "--checksum-choice=none" not in argv


def test_an_rsync_to_which_no_path_leads_is_named_with_its_folder() -> None:
    run = replace(RUN, program="/opt/homebrew/bin/rsync", remote_program="/home/a b/rsync")
    argv = build_command(run, NEW, OLD)
    assert argv[0] == "/opt/homebrew/bin/rsync" and "--rsync-path='/home/a b/rsync'" in argv
    assert not [word for word in build_command(RUN, NEW, OLD) if word.startswith("--rsync-path")]


@pytest.mark.parametrize("features", [NEW, OLD])
@pytest.mark.parametrize("resume", [False, True])
def test_nothing_is_ever_appended_deleted_or_sparsely_written(features: RsyncFeatures, resume: bool) -> None:
    words = build_command(replace(RUN, resume=resume), features, features)
    assert not [w for w in words if w.startswith(("--append", "--delete", "--remove", "--sparse", "-a"))]


def test_the_stall_limit_is_told_in_seconds_and_no_cap_for_the_relay_keeps_it() -> None:
    argv = build_command(RUN, NEW, NEW)
    assert "--timeout=60" in argv
    assert not [word for word in argv if word.startswith("--bwlimit")]


def test_an_ipv6_address_is_written_in_brackets() -> None:
    argv = build_command(replace(RUN, remote_host="user@fd7a::1"), NEW, NEW)
    assert argv[-2] == "user@[fd7a::1]:/data/games/my games.db"


def test_a_line_break_in_a_name_is_refused() -> None:
    with pytest.raises(TransferError) as caught:
        build_command(replace(RUN, source_path="/data/a\nb.npz"), NEW, NEW)
    assert caught.value.error_class is ErrorClass.CONFIG


def test_rsync_itself_splits_the_remote_shell_into_exactly_our_words(tmp_path: Path) -> None:
    """The real rsync starts a recorder as its remote shell and must hand it every word unchanged."""
    recorder = tmp_path / "a recorder's shell"
    seen = tmp_path / "seen"
    recorder.write_text(f'#!/bin/sh\nfor word in "$@"; do printf "%s\\n" "$word"; done > "{seen}"\nexit 9\n')
    recorder.chmod(0o755)
    words = (str(recorder), "-p", "22", "-o", "IdentityFile=/home/a b/it's", "-o", 'X="quoted"', "$HOME", "a;b")
    run = replace(RUN, shell_argv=words, temp_path=str(tmp_path / "target"))
    subprocess.run(build_command(run, NEW, NEW), capture_output=True, check=False, timeout=30)
    assert seen.read_text().splitlines()[: len(words) - 1] == list(words[1:])
    assert join_shell_argv(("ssh", "-p", "22")) == "ssh -p 22"


@pytest.mark.parametrize(
    ("status", "stderr", "expected"),
    [
        (11, 'rsync: [receiver] write failed on "/d/.x.part": No space left on device (28)\n', ErrorClass.NO_SPACE),
        (12, "rsync: connection unexpectedly closed (0 bytes received)\n", ErrorClass.TRANSIENT_NETWORK),
        (12, "bash: line 1: rsync: command not found\nrsync: connection unexpectedly closed\n", ErrorClass.UNSUPPORTED),
        (10, "rsync error: error in socket IO (code 10)\n", ErrorClass.TRANSIENT_NETWORK),
        (30, "rsync error: timeout in data send/receive (code 30)\n", ErrorClass.TRANSIENT_NETWORK),
        (20, "rsync error: received SIGINT, SIGTERM, or SIGHUP (code 20)\n", ErrorClass.TRANSIENT_NETWORK),
        (1, "rsync: unrecognized option `--info=progress2'\n", ErrorClass.UNSUPPORTED),
        (2, "protocol version mismatch -- is your shell clean?\n", ErrorClass.UNSUPPORTED),
        (23, 'rsync: [sender] link_stat "/d/x" failed: No such file or directory (2)\n', ErrorClass.NOT_FOUND),
        (23, 'rsync: [sender] send_files failed to open "/d/x": Permission denied (13)\n', ErrorClass.CONFIG),
        (24, "file has vanished: /d/x\n", ErrorClass.SOURCE_CHANGED),
        (99, "", ErrorClass.BUG),
    ],
)
def test_every_exit_status_has_a_class_and_a_remedy(status: int, stderr: str, expected: ErrorClass) -> None:
    failure = explain(status, stderr)
    assert failure.error_class is expected
    assert failure.cause and failure.remedy
