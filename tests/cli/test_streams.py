"""Where answers go: JSON wherever --json stands, and a plain error where stdout takes nothing."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Answer

Syncdeck = Callable[..., Answer]


def in_a_shell(redirection: str) -> subprocess.CompletedProcess[str]:
    command = f"{shlex.quote(sys.executable)} syncdeck.py catalog classify hex8_2p.db {redirection}"
    return subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(("redirection", "cause"), [(">&-", "it is closed"), (">/dev/full", "No space left")])
def test_an_answer_that_cannot_be_written_is_an_error_and_no_traceback(redirection: str, cause: str) -> None:
    if redirection.endswith("full") and not Path("/dev/full").exists():
        redirection, cause = ">&-", "it is closed"  # a device that only Linux has
    done = in_a_shell(redirection)
    assert done.returncode == 2
    assert f"write the answer to stdout: {cause}" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_stdin_and_stderr_the_answer_still_comes() -> None:
    assert "hex8_2p.db" in in_a_shell("<&- 2>&-").stdout


def test_json_before_the_command_holds_for_it_too(syncdeck: Syncdeck) -> None:
    [row] = json.loads(syncdeck("--json", "catalog", "classify", "hex8_2p.db").out)
    assert row == {"path": "hex8_2p.db", "data_type": "games", "config_key": "hex8_2p"}


@pytest.mark.parametrize("option", ["--no-ui", "--once", "--observe", "--lab"])
def test_what_starts_an_engine_is_refused_before_a_command(syncdeck: Syncdeck, option: str) -> None:
    answer = syncdeck(option, "catalog", "classify", "hex8_2p.db")
    assert (answer.code, answer.out) == (2, "")
    assert option in answer.err
