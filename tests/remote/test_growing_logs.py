"""Logs that are appended to while they are copied: whole lines only, and never a line less than there was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.remote.agent.failures import Failure
from engine.remote.agent.growing import copy_complete_lines

NAME = ".games.jsonl.syncdeck-00000000-11111111-1-abcdefabcdef.snap"
APPENDER = """
import sys, time
with open(sys.argv[1], "a") as log:
    number = 0
    while True:
        log.write('{"game": %d, "moves": "' % number)
        log.flush()
        log.write("x" * 300 + '"}\\n')
        log.flush()
        number += 1
        if number == 1:
            print("ready", flush=True)
        if number % 20 == 0:
            time.sleep(0.002)
"""


def test_a_log_that_grows_is_copied_up_to_its_last_complete_line(tmp_path: Path) -> None:
    log, copy = tmp_path / "games.jsonl", tmp_path / NAME
    writer = subprocess.Popen([sys.executable, "-c", APPENDER, str(log)], stdout=subprocess.PIPE)
    try:
        assert writer.stdout is not None
        writer.stdout.readline()
        for _ in range(20):
            taken = copy_complete_lines(str(log), str(copy))
            lines = copy.read_bytes().split(b"\n")
            assert lines.pop() == b""
            assert [json.loads(line)["game"] for line in lines] == list(range(len(lines)))
            assert taken["games_count"] == len(lines)
            assert taken["size"] == copy.stat().st_size
    finally:
        writer.kill()
        writer.wait()


def test_a_torn_last_line_stays_behind(tmp_path: Path) -> None:
    log, copy = tmp_path / "games.jsonl", tmp_path / NAME
    log.write_bytes(b'{"a": 1}\n{"b": 2}\n{"c"')
    assert copy_complete_lines(str(log), str(copy))["games_count"] == 2
    assert copy.read_bytes() == b'{"a": 1}\n{"b": 2}\n'


def test_a_last_line_that_nobody_finishes_is_kept_in_the_end(tmp_path: Path) -> None:
    log, copy = tmp_path / "games.jsonl", tmp_path / NAME
    log.write_bytes(b'{"a": 1}\n{"b": 2}')
    os.utime(log, (1_700_000_000, 1_700_000_000))
    assert copy_complete_lines(str(log), str(copy))["games_count"] == 2
    assert copy.read_bytes() == log.read_bytes()


def test_a_log_whose_first_line_is_being_written_is_tried_again_later(tmp_path: Path) -> None:
    log = tmp_path / "games.jsonl"
    log.write_bytes(b'{"a": 1')
    with pytest.raises(Failure) as refused:
        copy_complete_lines(str(log), str(tmp_path / NAME))
    assert refused.value.error_class == "source-changed"
    assert [path.name for path in tmp_path.iterdir()] == ["games.jsonl"]


def test_a_log_is_only_ever_copied_to_a_temporary_name_of_ours(tmp_path: Path) -> None:
    log = tmp_path / "games.jsonl"
    log.write_bytes(b"{}\n")
    with pytest.raises(Failure):
        copy_complete_lines(str(log), str(tmp_path / "other.jsonl"))
    assert [path.name for path in tmp_path.iterdir()] == ["games.jsonl"]
