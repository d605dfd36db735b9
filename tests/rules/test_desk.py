"""What an operator does with rules, on the users' own file: look, try, save, be merged, take back, be told of loss."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from config.editing.rules import rule_names
from engine.data_plane import UnifiedDataPlane
from engine.errors import SyncdeckError
from engine.routing.simulation.simulation import Simulation
from engine.rules import trial
from engine.views_rules import RuleDraft, TrialView
from tests.rules.conftest import FLEET, receivers

RULE = "name: spread # wider\nmatch: {data_type: npz}\nplace:\n  - selector: durable\n    copies: 2\n"


async def save(engine: UnifiedDataPlane, draft: RuleDraft) -> str:
    return (await engine.save_rule(draft, (await engine.rules()).digest)).outcome


async def test_rules_are_listed_with_what_each_touches_now(engine: UnifiedDataPlane) -> None:
    view = await engine.rules()
    assert {r.name: (r.entries, r.bytes) for r in view.rules if r.entries} == {"built-in:npz": (6, 6000)}
    assert [r.origin for r in view.rules] == ["built-in"] * 4
    assert view.undo is None and view.fixes and view.notes
    assert await save(engine, RuleDraft(RULE)) == "saved"
    after = await engine.rules()
    assert (after.rules[0].name, after.rules[0].entries, after.rules[0].origin) == ("spread", 6, "file")
    assert after.rules[0].yaml == RULE.rstrip("\n")
    assert after.undo == "add rule spread"


async def test_a_draft_is_tried_on_the_catalog_before_it_is_saved(engine: UnifiedDataPlane, config: Path) -> None:
    holder, other = receivers(engine)[:2]
    rule = "name: here\nmatch: {data_type: npz}\nplace: node=%s\n"
    await save(engine, RuleDraft(rule % holder))
    before = config.read_bytes()
    check = await engine.check_rule(RuleDraft(rule % other, replaces="here"))
    assert not [note for note in check.notes if note.severity == "error"]
    assert f"+      place: node={other}" in check.diff
    assert check.simulation is not None and check.simulation.entries == 6
    effects = {n.location: (n.added_files, n.surplus_files) for n in check.simulation.nodes}
    assert effects == {holder: (0, 6), other: (6, 0)}
    assert (check.simulation.files_to_move, check.simulation.bytes_to_move) == (6, 6000)
    assert config.read_bytes() == before


@pytest.mark.parametrize(
    ("yaml", "line", "column"),
    [
        ("name: x\nplace: durable\npriority: urgent\n", 3, 11),
        ("# mine\nname: x\nmatch:\n  size: 10\nplace: gpu\n", 4, 9),
        ("name: x\n\tplace: gpu\n", 2, 1),
        ("name: x\n", 1, 1),
        ("place: gpu\n", 1, 1),
        ("name: x\nplace: role=(\n", 2, 8),
    ],
)
async def test_a_mistake_is_told_with_its_place_in_the_draft(
    engine: UnifiedDataPlane, yaml: str, line: int, column: int
) -> None:
    check = await engine.check_rule(RuleDraft(yaml))
    assert check.simulation is None
    assert [(n.severity, n.line, n.column) for n in check.notes[:1]] == [("error", line, column)]
    assert await save(engine, RuleDraft(yaml)) == "refused"


async def test_lint_of_the_rule_is_told_in_the_lines_of_the_draft(engine: UnifiedDataPlane) -> None:
    check = await engine.check_rule(RuleDraft("# mine\nname: x\nplace: node=nobody-*\n"))
    assert [(n.severity, n.line) for n in check.notes] == [("warning", 3)]
    assert check.simulation is not None


async def test_saving_changes_only_the_rules_and_undo_gives_back_the_very_bytes(
    engine: UnifiedDataPlane, config: Path
) -> None:
    before = config.read_bytes()
    assert await save(engine, RuleDraft(RULE)) == "saved"
    kept = config.read_text().splitlines()
    assert [line for line in FLEET.read_text().splitlines() if line not in kept] == []
    assert next(rule.name for rule in engine._need().fleet.policy.rules) == "spread"
    result = await engine.undo_rules()
    assert (result.outcome, config.read_bytes()) == ("saved", before)
    assert next(rule.name for rule in engine._need().fleet.policy.rules) == "built-in:games"
    assert (await engine.undo_rules()).outcome == "refused"


async def test_what_others_changed_meanwhile_is_kept_by_saving_and_by_undoing(
    engine: UnifiedDataPlane, config: Path
) -> None:
    digest = (await engine.rules()).digest
    config.write_text(config.read_text().replace("replication_target:", "replication_target: 2 #", 1))
    result = await engine.save_rule(RuleDraft(RULE), digest)
    assert result.outcome == "merged"
    config.write_text(config.read_text() + "# a script was here\n")
    assert (await engine.undo_rules()).outcome == "merged"
    text = config.read_text()
    assert text.endswith("# a script was here\n") and rule_names(text) == () and "replication_target: 2 #" in text


async def test_two_edits_of_one_rule_are_a_conflict_with_both_texts(engine: UnifiedDataPlane, config: Path) -> None:
    await save(engine, RuleDraft(RULE))
    digest = (await engine.rules()).digest
    config.write_text(config.read_text().replace("copies: 2", "copies: 3"))
    theirs = config.read_text()
    result = await engine.save_rule(RuleDraft(RULE.replace("2", "4"), replaces="spread"), digest)
    assert result.outcome == "conflict"
    assert "copies: 3" in result.theirs and "copies: 4" in result.ours
    assert config.read_text() == theirs
    assert (await engine.undo_rules()).outcome == "conflict"


async def test_a_saved_rule_that_vanishes_is_critical_and_can_be_put_back(
    engine: UnifiedDataPlane, config: Path
) -> None:
    await save(engine, RuleDraft(RULE))
    saved = config.read_text()
    config.write_text(FLEET.read_text())
    view = await engine.rules()
    assert [(r.name, r.vanished, r.yaml) for r in view.rules if r.vanished] == [("spread", True, RULE)]
    await engine._note_vanished(engine._need())
    findings = (await engine._need().board.refresh()).findings
    found = [(finding.severity, finding.action) for finding in findings if finding.id == "rule-vanished:spread"]
    assert found == [("critical", "rule_restore")]
    assert await save(engine, RuleDraft(fix_id="rule-vanished:spread")) == "saved"
    assert config.read_text() == saved
    assert not [f for f in (await engine._need().board.refresh()).findings if f.id.startswith("rule-vanished")]


async def test_what_cannot_be_undone_says_what_can_be_done_instead(engine: UnifiedDataPlane, config: Path) -> None:
    await save(engine, RuleDraft(RULE))
    config.write_text(config.read_text().replace("copies: 2", "copies: 3"))
    assert "edit what is there now" in (await engine.undo_rules()).message
    assert await save(engine, RuleDraft(RULE.replace("spread", "wide"))) == "saved"
    config.write_text(FLEET.read_text())
    refused = await engine.undo_rules()
    assert refused.outcome == "conflict"
    assert "`syncdeck rules remove wide` lets it go" in refused.message and "rule-vanished:wide" in refused.message
    assert await save(engine, RuleDraft(replaces="wide")) == "saved"
    assert (await engine.rules()).undo == "add rule spread"


async def test_a_rule_that_is_saved_and_selects_nothing_says_so(engine: UnifiedDataPlane, config: Path) -> None:
    draft = RuleDraft("name: nowhere\nmatch: {data_type: npz}\nplace: node=nobody\n")
    result = await engine.save_rule(draft, (await engine.rules()).digest)
    assert result.outcome == "saved" and "nowhere" in config.read_text()
    assert "Warning: " in result.message and "correct the selector" in result.message


async def test_a_rule_that_may_stay_away_is_forgotten(engine: UnifiedDataPlane, config: Path) -> None:
    await save(engine, RuleDraft(RULE))
    config.write_text(FLEET.read_text())
    assert await save(engine, RuleDraft(replaces="spread")) == "saved"
    assert not [rule for rule in (await engine.rules()).rules if rule.vanished]
    assert config.read_text() == FLEET.read_text()


async def test_removing_is_no_vanishing(engine: UnifiedDataPlane, config: Path) -> None:
    await save(engine, RuleDraft(RULE))
    assert await save(engine, RuleDraft(replaces="spread")) == "saved"
    assert not [rule for rule in (await engine.rules()).rules if rule.vanished]


async def test_rules_go_where_rules_file_says(engine: UnifiedDataPlane, config: Path) -> None:
    config.write_text(config.read_text() + "\ndata_plane: {rules_file: own/rules.yaml}\n")
    from config.load import load

    engine._need().apply(load(config))
    main, own = config.read_bytes(), config.parent / "own" / "rules.yaml"
    check = await engine.check_rule(RuleDraft(RULE))
    assert check.diff.startswith("--- rules.yaml") and not own.exists()
    assert await save(engine, RuleDraft(RULE)) == "saved"
    assert config.read_bytes() == main and "name: spread # wider" in own.read_text()
    view = await engine.rules()
    assert [(r.name, r.origin, r.entries) for r in view.rules[:1]] == [("spread", "rules_file", 6)]
    before = own.read_bytes()
    assert await save(engine, RuleDraft("name: first\nplace: gpu", position=0)) == "saved"
    assert [r.name for r in (await engine.rules()).rules[:2]] == ["first", "spread"]
    assert (await engine.undo_rules()).outcome == "saved" and own.read_bytes() == before


async def test_a_fix_is_tried_saved_and_taken_back(engine: UnifiedDataPlane, config: Path) -> None:
    before = config.read_bytes()
    for fix in (await engine.rules()).fixes[::9]:
        check = await engine.check_rule(RuleDraft(fix_id=fix.id))
        assert check.diff == fix.diff and check.simulation is not None
        assert await save(engine, RuleDraft(fix_id=fix.id)) == "saved"
        assert fix.id not in {left.id for left in (await engine.rules()).fixes}
        assert (await engine.undo_rules()).outcome == "saved"
        assert config.read_bytes() == before


async def test_a_fix_of_a_contradiction_tells_what_is_said_at_each_of_its_lines(engine: UnifiedDataPlane) -> None:
    view = await engine.rules()
    said = {(note.line, note.message) for note in view.notes}
    both = [fix for fix in view.fixes if len(fix.lines) > 1]
    assert both
    for fix in both:
        lines = {line for line, message in said if message in (fix.message, *fix.others)}
        assert set(fix.lines) <= lines, fix.id


async def test_a_newer_draft_takes_the_place_of_an_older_one(engine: UnifiedDataPlane) -> None:
    trials = engine._need().rules._trials
    policy = engine._need().fleet.policy
    found = await asyncio.gather(*(trials.simulate(policy) for _ in range(3)), return_exceptions=True)
    assert isinstance(found[0], SyncdeckError) and not isinstance(found[2], BaseException)


async def test_a_long_trial_tells_what_it_comes_to_so_far(
    engine: UnifiedDataPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "TELL_SECONDS", 0.0)
    desk, policy = engine._need().rules, engine._need().fleet.policy
    told: list[TrialView | None] = []
    monkeypatch.setattr(desk._trials, "tell", told.append)
    whole = await desk._trials.simulate(policy)
    seen = [found for found in told if found is not None]
    assert seen and all(found.done <= whole.entries == found.so_far.entries for found in seen)
    assert desk.rule_trial() is None


async def test_a_trial_that_nobody_waits_for_ends_before_another_begins(
    engine: UnifiedDataPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials, policy = engine._need().rules._trials, engine._need().fleet.policy
    began, ended = threading.Event(), threading.Event()
    groups = Simulation.groups

    def never_ending(simulation: Simulation) -> tuple[int, ...]:
        began.set()
        try:
            while True:
                simulation.pause()
        finally:
            ended.set()

    monkeypatch.setattr(Simulation, "groups", never_ending)
    asked = asyncio.create_task(trials.simulate(policy))
    await asyncio.to_thread(began.wait)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert ended.is_set()
    monkeypatch.setattr(Simulation, "groups", groups)
    assert (await trials.simulate(policy)).entries


async def test_explaining_names_every_line_that_had_a_say(engine: UnifiedDataPlane) -> None:
    holder = receivers(engine)[0]
    view = await engine.explain("npz:run1.npz", holder)
    assert view.held and any("built-in:npz decides" in what for what, _ in view.because)
    policy = engine._need().fleet.policy
    excluded = next(n for n, spec in policy.nodes.items() if spec.ready and spec.root and not policy.receives(
        n, next(iter(policy.decisions))[1]).receives)  # fmt: skip
    view = await engine.explain("npz:run1.npz", excluded)
    assert any(line is not None and "does not receive" in what for what, line in view.because) or view.wanted
    with pytest.raises(SyncdeckError):
        await engine.explain("npz:nothing.npz", holder)
    with pytest.raises(SyncdeckError):
        await engine.explain("npz:run1.npz", "nobody")


async def test_what_is_in_the_way_comes_from_the_planner(engine: UnifiedDataPlane) -> None:
    parts = engine._need()
    assert await save(engine, RuleDraft("name: all\nplace: durable")) == "saved"
    target = receivers(engine)[1]
    parts.fleet.paused.add(target.split(":")[0])
    view = await engine.explain("npz:run1.npz", target)
    assert view.wanted and not view.held
    assert "paused" in view.in_the_way[0] and "resume" in view.remedy
