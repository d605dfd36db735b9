"""Commands that change something reach the running engine, ask where they must, and obey --read-only."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.cli.conftest import Answer, RunningEngine

Syncdeck = Callable[..., Answer]


def test_sync_asks_for_what_was_named(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    answer = syncdeck(
        "sync",
        "--type",
        "npz",
        "--config-key",
        "hex8_2p",
        "--to",
        "a",
        "--to",
        "b",
        "--priority",
        "high",
        "--state",
        engine.state,
    )
    assert (answer.code, answer.out) == (0, "1 transfer queued\n")
    asked = engine.end()
    assert "data_type='npz', config_key='hex8_2p', targets=('a', 'b'), priority=75" in asked


def test_a_priority_may_be_a_number_of_the_scale_and_nothing_else(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    assert syncdeck("sync", "--priority", "100", "--state", engine.state).code == 0
    assert syncdeck("sync", "--priority", "99", "--state", engine.state).code == 2
    assert engine.end().count("sync") == 1


def test_a_dry_run_shows_and_does_nothing(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    preview = json.loads(syncdeck("sync", "--dry-run", "--json", "--state", engine.state).out)
    assert (preview["files"], preview["bytes"], preview["targets"]) == (1, 10, ["b"])
    assert "1 file, 10 B, about 5s" in syncdeck("emergency", "--dry-run", "--state", engine.state).out
    assert engine.end() == ""


def test_emergency_names_the_nodes_to_save(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    assert syncdeck("emergency", "b", "--state", engine.state).code == 0
    assert "emergency=True, nodes=('b',), allow_fill=False" in engine.end()


def test_filling_disks_past_the_maximum_needs_a_yes(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    refused = syncdeck("emergency", "--allow-fill", "--state", engine.state)
    assert refused.code == 2 and "no terminal" in refused.err
    assert syncdeck("emergency", "--allow-fill", "--yes", "--state", engine.state).code == 0
    assert engine.end().count("allow_fill=True") == 1


def test_keep_both_shows_first_asks_and_names_what_it_left_as_it_is(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    words = ("transfers", "keep-both", "--all", "--state", engine.state)
    preview = json.loads(syncdeck(*words, "--dry-run", "--json").out)
    assert set(preview) == {"request", "files", "bytes", "transfers", "steps", "refused", "more"}
    assert set(preview["steps"][0]) == {
        "key", "code", "node", "location", "path", "kept_key", "kept_path", "size_bytes", "coming_bytes", "sha256",
    }  # fmt: skip
    shown = syncdeck(*words, "--dry-run")
    assert shown.code == 0 and "1 file, 9 B; 1 transfer would go on" in shown.out and "damaged" in shown.out
    unasked = syncdeck(*words)
    assert unasked.code == 2 and "no terminal" in unasked.err
    done = syncdeck(*words, "--yes", "--json")
    result = json.loads(done.out)
    assert set(result) == {"accepted", "message", "transfers", "kept", "refused", "more"}
    assert (done.code, result["accepted"], len(result["refused"])) == (1, 1, 1)
    named = syncdeck("transfers", "keep-both", "npz:x.npz", "--node", "b", "--yes", "--state", engine.state)
    assert named.code == 0 and "1 copy kept" in named.out and "/d/x.kept-1.npz" in named.out
    asked = engine.end()
    assert asked.count("keep_both") == 2
    assert "keep_both KeepRequest(keys=('npz:x.npz',), nodes=('b',), places=())" in asked


@pytest.mark.parametrize("words", [(), ("npz:x.npz", "--all")])
def test_keep_both_wants_to_know_of_what(engine: RunningEngine, syncdeck: Syncdeck, words: tuple[str, ...]) -> None:
    answer = syncdeck("transfers", "keep-both", *words, "--yes", "--state", engine.state)
    assert answer.code == 2 and "--all" in answer.err
    assert engine.end() == ""


def test_pause_and_resume_pass_the_nodes_on(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    assert syncdeck("pause", "a", "b", "--state", engine.state).out == "paused\n"
    assert syncdeck("resume", "--state", engine.state).out == "resumed\n"
    assert engine.end() == "pause ('a', 'b')\nresume ()\n"


def test_an_error_of_the_engine_is_shown_with_its_remedy_and_no_traceback(
    engine: RunningEngine, syncdeck: Syncdeck
) -> None:
    answer = syncdeck("pause", "nobody", "--state", engine.state)
    assert answer.code == 1
    assert answer.err == "pause nobody: no host of that name\n  see `syncdeck nodes ls`\n"


@pytest.mark.parametrize(
    "words", [("sync",), ("emergency",), ("pause",), ("resume",), ("transfers", "keep-both", "--all", "--yes")]
)
def test_read_only_takes_every_change_away(engine: RunningEngine, syncdeck: Syncdeck, words: tuple[str, ...]) -> None:
    answer = syncdeck("--read-only", *words, "--state", engine.state)
    assert answer.code == 2 and "--read-only" in answer.err
    assert engine.end() == ""


def test_read_only_still_reads(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    assert syncdeck("--read-only", "plan", "--state", engine.state).code == 0
    assert syncdeck("--read-only", "sync", "--dry-run", "--state", engine.state).code == 0


def test_an_archive_that_is_damaged_is_a_bad_answer_however_it_is_told(
    engine: RunningEngine, syncdeck: Syncdeck
) -> None:
    assert syncdeck("archive", "verify", "3", "4", "--state", engine.state).code == 0
    answer = syncdeck("archive", "verify", "3", "11", "--json", "--state", engine.state)
    assert answer.code == 1
    assert json.loads(answer.out) == {"accepted": 1, "message": "worded in any way", "failed": [11]}
