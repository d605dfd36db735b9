"""Rules in a file of their own: they decide after those of the configuration, and mistakes name that file."""

from __future__ import annotations

import asyncio

import pytest
from cluster_text import cluster, host

from config.errors import ConfigError
from config.lint import lint
from config.load import load
from config.watch import watch

MAIN = "data_plane: {rules_file: rules/own.yaml}\nsync_routing:\n  rules:\n    - {name: first, place: gpu}\n"
OWN = "# ours\nrules:\n  - name: second\n    place: durable\n"


@pytest.fixture
def files(tmp_path):
    path = tmp_path / "distributed_hosts.yaml"
    path.write_text(cluster(host("alpha"), sections=MAIN))
    (tmp_path / "rules").mkdir()
    return path, tmp_path / "rules" / "own.yaml"


def test_a_file_that_is_not_there_yet_holds_no_rules(files):
    path, _ = files
    assert [rule.name for rule in load(path).policy.rules][:2] == ["first", "built-in:games"]


def test_its_rules_come_after_those_of_the_configuration_and_know_their_lines(files):
    path, own = files
    before = load(path).policy.digest
    own.write_text(OWN)
    policy = load(path).policy
    assert [(rule.name, rule.line, rule.file) for rule in policy.rules[1:2]] == [("second", 3, str(own))]
    assert policy.rules[0].name == "first" and policy.rules[2].name == "built-in:games"
    assert policy.digest != before


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (OWN + "  - name: third\n    place: nonsense(\n", 6),
        (OWN + "\tx: 1\n", 5),
        ("[1, 2]\n", 1),
        (OWN + "  - place: gpu\n", 5),
    ],
)
def test_a_mistake_is_told_with_its_file_and_line(files, text, line):
    path, own = files
    own.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert (caught.value.file, caught.value.line) == (str(own), line)
    assert any(finding.file == str(own) and finding.severity == "error" for finding in lint(path))


def test_lint_looks_at_its_rules_too(files):
    path, own = files
    own.write_text("rules:\n  - name: first\n    place: tag=none\n  - name: x\n    plaec: gpu\n    place: gpu\n")
    found = {(f.rule, f.file, f.line) for f in load(path).findings}
    assert {
        ("rule-repeated-name", str(own), 2),
        ("rule-selects-nothing", str(own), 3),
        ("unknown-key", str(own), 5),
    } <= found


async def test_a_change_of_it_is_noticed_in_another_folder_too(files):
    path, own = files
    stop, outcomes = asyncio.Event(), asyncio.Queue()

    async def follow():
        async for outcome in watch(path, "an older digest", stop):
            await outcomes.put(outcome)

    task = asyncio.create_task(follow())
    assert (await outcomes.get()).apart.present is False
    own.write_text(OWN)
    assert [rule.name for rule in (await outcomes.get()).policy.rules][1] == "second"
    own.write_text("rules: 7\n")
    assert isinstance(await outcomes.get(), ConfigError)
    stop.set()
    await task
