"""``syncdeck rules ...`` as scripts call it: exit codes, JSON, dry runs; without an engine and through a real one."""

# ruff: noqa: F401, F811 (fixtures of the engine's own tests are imported)

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine import views_rules
from tests.cli.conftest import Answer
from tests.cli.test_engine_alone import Site, site, started
from tests.cli.test_light_start import HOSTS

Syncdeck = Callable[..., Answer]
RULE = "name: keep # mine\nmatch: {data_type: npz}\nplace: role=coordinator\n"
FAULT = "sync_routing:\n  priority_hosts: [here, nobody]\n"


def keys_of(view: type[Any]) -> set[str]:
    return {field.name for field in fields(view)}


@pytest.fixture
def rule(tmp_path: Path) -> Path:
    path = tmp_path / "rule.yaml"
    path.write_text(RULE)
    return path


@pytest.fixture
def hosts(site: Site) -> bytes:
    """The file as it is before any command, with something that can be mended."""
    site.hosts.write_text(HOSTS.format(root=site.root) + FAULT)
    return site.hosts.read_bytes()


def answer_of(answer: Answer, code: int = 0) -> Any:
    assert answer.code == code, answer
    return json.loads(answer.out)


def names_of(syncdeck: Syncdeck, site: Site) -> list[str]:
    view = answer_of(syncdeck(*site.options, "rules", "list", "--json"))
    return [rule["name"] for rule in view["rules"] if rule["origin"] == "file"]


def test_rules_are_listed_tried_set_removed_and_taken_back_without_an_engine(
    site: Site,
    hosts: bytes,
    rule: Path,
    syncdeck: Syncdeck,
) -> None:
    run = partial(syncdeck, *site.options, "rules")
    view = answer_of(run("list", "--json"))
    assert set(view) == keys_of(views_rules.RulesView)
    assert all(set(row) == keys_of(views_rules.RuleRow) for row in view["rules"]) and view["undo"] is None

    tried = answer_of(run("simulate", rule, "--json"))
    assert set(tried) == keys_of(views_rules.DraftCheck)
    assert (
        set(tried["simulation"]) == keys_of(views_rules.SimulationView) and "+    - name: keep # mine" in tried["diff"]
    )
    assert set(answer_of(run("set", "keep", "--file", rule, "--dry-run", "--json"))) == set(tried)
    assert site.hosts.read_bytes() == hosts

    saved = answer_of(run("set", "keep", "--file", rule, "--json"))
    assert set(saved) == keys_of(views_rules.SaveResult) and saved["outcome"] == "saved"
    kept = site.hosts.read_bytes()
    assert kept != hosts and b"name: keep # mine" in kept
    assert answer_of(run("remove", "keep", "--dry-run", "--json"))["diff"] and site.hosts.read_bytes() == kept
    assert run("remove", "keep").code == 0 and b"keep" not in site.hosts.read_bytes()
    assert run("undo").code == 0 and site.hosts.read_bytes() == kept
    assert run("undo").code == 0 and site.hosts.read_bytes() == hosts
    assert answer_of(run("undo", "--json"), code=1)["outcome"] == "refused"


def test_a_finding_is_shown_tried_and_mended(
    site: Site,
    hosts: bytes,
    syncdeck: Syncdeck,
) -> None:
    run = partial(syncdeck, *site.options, "rules")
    found = answer_of(run("fix", "--json"))
    assert all(set(fix) == keys_of(views_rules.FixView) for fix in found)
    (fix,) = [fix for fix in found if fix["id"].endswith(":nobody")]
    assert fix["id"] in run("fix").out.replace("\n", "")
    assert answer_of(run("fix", fix["id"], "--dry-run", "--json"))["diff"] == fix["diff"]
    assert site.hosts.read_bytes() == hosts
    assert answer_of(run("fix", fix["id"], "--json"))["outcome"] == "saved"
    assert site.hosts.read_bytes() == hosts.replace(b"[here, nobody]", b"[here]")
    assert run("fix", fix["id"]).code == 1


@pytest.mark.parametrize(
    ("words", "text", "code", "said"),
    [
        (("simulate", "FILE"), "name: x\nplace: gpu\npriority: urgent\n", 1, "3:11: error:"),
        (("set", "x", "--file", "FILE"), "name: x\n", 1, "place"),
        (("set", "y", "--file", "FILE"), "name: x\nplace: gpu\n", 2, "the file holds the rule x, not y"),
        (("set", "x", "--file", "FILE", "--before", "z"), "name: x\nplace: gpu\n", 2, "no rule z"),
        (("remove", "x"), "", 1, "no rule called x"),
        (("fix", "gpu-none:x"), "", 1, "nothing to fix"),
        (("explain", "npz:nothing.npz", "here"), "", 2, "no entry has this key"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    site: Site,
    rule: Path,
    hosts: bytes,
    syncdeck: Syncdeck,
    words: tuple[str, ...],
    text: str,
    code: int,
    said: str,
) -> None:
    rule.write_text(text)
    answer = syncdeck(*site.options, "rules", *(rule if word == "FILE" else word for word in words))
    assert answer.code == code and said in " ".join((answer.out + answer.err).split())
    assert site.hosts.read_bytes() == hosts


@pytest.mark.parametrize("words", [("set", "keep", "--file", "FILE"), ("remove", "keep"), ("undo",), ("fix", "x")])
def test_read_only_allows_no_edit_of_the_rules(
    site: Site,
    rule: Path,
    hosts: bytes,
    syncdeck: Syncdeck,
    words: tuple[str, ...],
) -> None:
    command = [rule if word == "FILE" else word for word in words]
    assert syncdeck("--read-only", *site.options, "rules", *command).code == 2
    assert site.hosts.read_bytes() == hosts and not site.state.exists()


def test_a_running_engine_tries_saves_explains_and_undoes_for_the_commands(
    site: Site,
    hosts: bytes,
    rule: Path,
    syncdeck: Syncdeck,
    started: Callable[..., object],
) -> None:
    (site.root / "data" / "training" / "hex8_2p.npz").write_bytes(b"PK\x05\x06" + bytes(18))
    assert site.spawn("--once").wait() in (0, 1)
    started()
    run = partial(syncdeck, "--state", site.state, "rules")
    tried = answer_of(run("set", "keep", "--file", rule, "--dry-run", "--json"))
    assert tried["simulation"]["entries"] == 1 and site.hosts.read_bytes() == hosts
    assert answer_of(run("set", "keep", "--file", rule, "--json"))["outcome"] == "saved"
    assert "keep" in names_of(syncdeck, site)
    (key,) = [entry["key"] for entry in answer_of(syncdeck("catalog", "ls", "--state", site.state, "--json"))]
    told = answer_of(run("explain", key, "here", "--json"))
    assert set(told) == keys_of(views_rules.ExplainView)
    assert told["held"] and all(set(line) == {"what", "line"} for line in told["because"])
    assert any("keep" in line["what"] and line["line"] for line in told["because"])
    assert "keep" in run("explain", key, "here").out
    assert answer_of(run("undo", "--json"))["outcome"] == "saved"
    assert site.hosts.read_bytes() == hosts and names_of(syncdeck, site) == []
