"""Logs hold what happened, and no credential."""

from __future__ import annotations

import json
import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli import logs
from engine.redaction import redact


@pytest.fixture(autouse=True)
def own_root_logger() -> Iterator[None]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    root.handlers = []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers, root.level = before, level


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer s3cr3t-value",
        "curl -H 'authorization: Basic s3cr3t-value'",
        "RINGRIFT_CLUSTER_AUTH_TOKEN=s3cr3t-value",
        '{"aws_secret_access_key": "s3cr3t-value"}',
        "password: s3cr3t-value",
        "api-key=s3cr3t-value rest",
        "https://user:s3cr3t-value@host/x",
    ],
)
def test_what_looks_like_a_credential_is_taken_out(text: str) -> None:
    assert "s3cr3t" not in redact(text)
    assert "[redacted]" in redact(text)


def test_ordinary_words_are_left_alone() -> None:
    text = "copied npz:tokens.npz to a:/drive (3 keys, sha256 abcdef)"
    assert redact(text) == text


def test_a_json_record_is_one_line_with_its_extra_fields() -> None:
    record = logging.getLogger("x").makeRecord(
        "x", logging.WARNING, "f", 1, "two\nlines %s", ("token=abc",), None, extra={"node": "a"}
    )
    line = logs.JsonFormatter().format(record)
    assert "\n" not in line
    members = json.loads(line)
    assert members["level"] == "warning" and members["node"] == "a" and "abc" not in members["message"]


def test_a_traceback_in_the_log_holds_no_credential() -> None:
    try:
        raise ValueError("token=s3cr3t-value")
    except ValueError as error:
        record = logging.getLogger("x").makeRecord(
            "x", logging.ERROR, "f", 1, "failed", (), (ValueError, error, error.__traceback__)
        )
    for formatter in (logs.TextFormatter(), logs.JsonFormatter()):
        assert "s3cr3t" not in formatter.format(record)


def test_the_consoles_log_is_a_file_of_its_owners_that_rotates(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = logs.log_to_file(tmp_path, as_json=False)
    line = "x" * 1000
    for _ in range(logs.LOG_FILE_BYTES // 1000 + 10):
        logging.getLogger("engine").info(line)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_size < logs.LOG_FILE_BYTES
    assert sorted(p.name for p in tmp_path.iterdir()) == ["console.log", "console.log.1"]
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_a_command_without_a_state_directory_answers_all_the_same(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    logs.log_command(tmp_path / "none")
    logging.getLogger("engine").error("lost")
    assert capfd.readouterr().err == ""


def test_a_command_makes_no_log_file_for_nothing(tmp_path: Path) -> None:
    logs.log_command(tmp_path)
    logging.getLogger("engine").info("fine")
    assert list(tmp_path.iterdir()) == []
    logging.getLogger("engine").error("not fine")
    assert "not fine" in (tmp_path / "commands.log").read_text()
