"""Every command ends with the exit code that scripts rely on, and never with a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli import failures, logs
from app.cli.exit_codes import ExitCode, of_error
from engine.api.errors import EngineRunning, EngineUnreachable
from engine.errors import ErrorClass, SyncdeckError
from tests.cli.conftest import ROOT, Answer, RunningEngine

Syncdeck = Callable[..., Answer]
StartEngine = Callable[[str], RunningEngine]

GOOD = "hosts:\n  mac:\n    ssh_host: localhost\n    status: ready\n    role: coordinator\n    ringrift_path: /data\n"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "hosts.yaml"
    path.write_text(GOOD)
    return path


@pytest.mark.parametrize(
    "words",
    [
        ("bogus",),
        ("status", "--bogus"),
        ("status", "extra"),
        ("--once",),
        ("--lab", "--no-ui"),
        ("--json",),
        ("catalog",),
        ("catalog", "bogus"),
        ("catalog", "where"),
        ("catalog", "ls", "--type", "music"),
        ("catalog", "ls", "--limit", "0"),
        ("sync", "--priority", "huge"),
        ("lab", "up"),
        ("nodes", "enrol"),
    ],
)
def test_what_nobody_can_mean_is_a_usage_error(syncdeck: Syncdeck, words: tuple[str, ...]) -> None:
    answer = syncdeck(*words)
    assert answer.code == 2 and answer.err and answer.out == ""


@pytest.mark.parametrize("words", [("--help",), ("status", "--help"), ("catalog", "ls", "--help"), ("--version",)])
def test_help_and_version_are_answers(syncdeck: Syncdeck, words: tuple[str, ...]) -> None:
    answer = syncdeck(*words)
    assert answer.code == 0 and answer.out and answer.err == ""


@pytest.mark.parametrize("command", [("status",), ("--no-ui",), ("--no-ui", "--once"), ("plan",), ("nodes", "test")])
def test_a_missing_configuration_is_a_configuration_error(
    syncdeck: Syncdeck, tmp_path: Path, command: tuple[str, ...]
) -> None:
    answer = syncdeck("--config", tmp_path / "none.yaml", "--state", tmp_path / "state", *command)
    assert answer.code == 2 and "none.yaml" in answer.err and "Traceback" not in answer.err


def test_no_configuration_anywhere_names_where_it_was_looked_for(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "syncdeck.py", "status", "--state", tmp_path / "state"],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "XDG_CONFIG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and "distributed_hosts.yaml" in done.stderr and done.stdout == ""


def test_an_engine_that_holds_the_directory_and_does_not_answer_is_exit_3(
    start_engine: StartEngine, syncdeck: Syncdeck, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.cli.engine_access.STARTING_PATIENCE_SECONDS", 0.0)
    engine = start_engine("deaf")
    for words in (("status",), ("sync",), ("pause",), ("catalog", "ls")):
        answer = syncdeck("--config", good, "--state", engine.state, *words)
        assert answer.code == 3 and str(engine.process.pid) in answer.err


def test_a_second_engine_on_a_state_directory_is_exit_3(engine: RunningEngine, syncdeck: Syncdeck, good: Path) -> None:
    for words in (("--no-ui",), ("--no-ui", "--once"), ("--no-ui", "--observe")):
        answer = syncdeck("--config", good, "--state", engine.state, *words)
        assert answer.code == 3 and str(engine.process.pid) in answer.err and answer.out == ""


def test_a_console_without_a_terminal_is_a_usage_error(syncdeck: Syncdeck, good: Path, tmp_path: Path) -> None:
    answer = syncdeck("--config", good, "--state", tmp_path / "state")
    assert answer.code == 2 and "terminal" in answer.err


def test_lint_exits_0_1_or_2(syncdeck: Syncdeck, tmp_path: Path, good: Path) -> None:
    assert syncdeck("config", "lint", good).code in (0, 1)
    broken = tmp_path / "broken.yaml"
    broken.write_text("hosts:\n  a: [\n")
    answer = syncdeck("config", "lint", broken, "--json")
    assert answer.code == 1
    finding = json.loads(answer.out)[0]
    assert {"rule", "severity", "file", "line", "column", "message", "remedy"} <= set(finding)
    assert finding["severity"] == "error"
    no_hosts = tmp_path / "list.yaml"
    no_hosts.write_text("- 1\n")
    assert syncdeck("config", "lint", no_hosts).code == 2
    assert syncdeck("config", "lint", tmp_path / "none.yaml").code == 2


def test_effective_has_exactly_the_hosts_of_the_file(syncdeck: Syncdeck, good: Path) -> None:
    effective = json.loads(syncdeck("config", "effective", good, "--json").out)
    assert list(effective) == ["mac"]
    assert list(effective["mac"]) == ["games", "models", "npz", "checkpoint"]
    assert all({"receives", "because", "line"} <= set(item) for item in effective["mac"].values())
    assert "mac" in syncdeck("config", "effective", good).out


def test_effective_of_an_unusable_file_is_a_configuration_error(syncdeck: Syncdeck, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("hosts:\n  a: [\n")
    answer = syncdeck("config", "effective", broken)
    assert answer.code == 2 and f"{broken}:" in answer.err


@pytest.mark.parametrize("paths", [(), ("nonsense",), ("x.npz", "data/games/hex8_2p.db"), ("\x1b[31m.db",)])
def test_classify_always_exits_0(syncdeck: Syncdeck, paths: tuple[str, ...]) -> None:
    answer = syncdeck("catalog", "classify", "--json", "--", *paths)
    assert answer.code == 0
    assert [item["path"] for item in json.loads(answer.out)] == list(paths)
    assert "\x1b" not in syncdeck("catalog", "classify", *paths).out


def test_classify_names_type_and_config_key(syncdeck: Syncdeck) -> None:
    answer = syncdeck("catalog", "classify", "data/games/canonical_hex8_2p.db", "notes.txt", "--json")
    assert json.loads(answer.out) == [
        {"path": "data/games/canonical_hex8_2p.db", "data_type": "games", "config_key": "hex8_2p"},
        {"path": "notes.txt", "data_type": None, "config_key": None},
    ]


def test_a_reader_that_went_away_is_no_error(engine: RunningEngine) -> None:
    command = [sys.executable, str(ROOT / "syncdeck.py"), "--state", str(engine.state), "catalog", "ls"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 0


def test_a_state_directory_that_cannot_be_used_is_a_configuration_error(
    syncdeck: Syncdeck, tmp_path: Path, good: Path
) -> None:
    (tmp_path / "file").write_text("")
    answer = syncdeck("--config", good, "--state", tmp_path / "file" / "state", "status")
    assert answer.code == 2 and "--state" in answer.err


def test_an_unexpected_error_is_one_line_with_the_traceback_in_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.log_command(tmp_path)
    try:
        raise ZeroDivisionError("by zero")
    except ZeroDivisionError as error:
        assert failures.report(error) == ExitCode.BAD_ANSWER
    shown = capsys.readouterr()
    assert "unexpected ZeroDivisionError: by zero" in shown.err and "Traceback" not in shown.err
    assert "Traceback" in (tmp_path / "commands.log").read_text()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (EngineRunning("/s", "held", "stop it", 1), ExitCode.ENGINE),
        (EngineUnreachable("/s", "gone", "start it"), ExitCode.ENGINE),
        (SyncdeckError("a", "b", "c", "d", ErrorClass.CONFIG), ExitCode.USAGE),
        (SyncdeckError("a", "b", "c", "d", ErrorClass.NO_SPACE), ExitCode.BAD_ANSWER),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: SyncdeckError, code: ExitCode) -> None:
    assert of_error(error) is code
