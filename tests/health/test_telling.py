"""The operator's command is not run too often, and what it was told last is true."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from config.types import OnFinding
from engine.clock import ManualClock, SystemClock
from engine.health import notify
from engine.health.findings import HealthInputs, find
from engine.health.notify import MOST_AT_ONCE, FindingNotifier
from engine.health.telling import FINDING, RECOVERY, Change, Telling
from engine.views import FindingView
from tests.planner.worlds import policy

INTERVAL = 60.0


def finding(name: str = "disk:a", severity: str = "warning") -> FindingView:
    return FindingView(name, severity, "a", "full", "make room", None)


def told(telling: Telling, now: float) -> list[tuple[str, str]]:
    """Tell everything that is due; return what that was, in order."""
    found: list[tuple[str, str]] = []
    while (change := telling.take(now, INTERVAL)) is not None:
        found.append((change.event, change.finding.id))
        telling.done(change)
    return found


def test_a_finding_and_its_recovery_are_told_at_once() -> None:
    telling = Telling()
    telling.changed(Change(FINDING, finding()))
    assert told(telling, 0) == [(FINDING, "disk:a")]
    telling.changed(Change(RECOVERY, finding()))
    assert told(telling, 1) == [(RECOVERY, "disk:a")]


def test_a_finding_that_comes_back_within_the_interval_is_told_when_that_is_over() -> None:
    telling = Telling()
    for now, event in enumerate((FINDING, RECOVERY, FINDING)):
        telling.changed(Change(event, finding()))
        told(telling, now)
    assert told(telling, 59) == []
    assert telling.next_due(INTERVAL) == 60
    assert told(telling, 60) == [(FINDING, "disk:a")]


def test_one_that_is_over_again_by_then_was_never_news() -> None:
    telling = Telling()
    for now, event in enumerate((FINDING, RECOVERY, FINDING, RECOVERY, FINDING, RECOVERY)):
        telling.changed(Change(event, finding()))
        told(telling, now)
    assert told(telling, 1000) == []
    assert telling.next_due(INTERVAL) is None


def test_a_recovery_of_what_was_never_told_is_not_told() -> None:
    telling = Telling()
    telling.changed(Change(FINDING, finding()))
    telling.changed(Change(RECOVERY, finding()))
    assert told(telling, 0) == []


def test_what_became_worse_is_news_and_the_worst_comes_first() -> None:
    telling = Telling()
    telling.changed(Change(FINDING, finding()))
    assert told(telling, 0) == [(FINDING, "disk:a")]
    telling.changed(Change(FINDING, finding("disk:b", "note")))
    telling.changed(Change(FINDING, finding(severity="critical")))
    assert told(telling, 60) == [(FINDING, "disk:a"), (FINDING, "disk:b")]


def test_nothing_of_a_finding_is_given_out_before_the_earlier_news_was_told() -> None:
    telling = Telling()
    telling.changed(Change(FINDING, finding()))
    first = telling.take(0, INTERVAL)
    assert first is not None
    telling.changed(Change(RECOVERY, finding()))
    assert telling.take(1, INTERVAL) is None
    telling.done(first)
    assert told(telling, 2) == [(RECOVERY, "disk:a")]


@pytest.fixture
def recorder(tmp_path: Path) -> tuple[str, ...]:
    """A command that writes its one argument and its event into a file of its own, and how many run beside it."""
    program = (
        "import json, os, sys, time\n"
        f"folder = {str(tmp_path)!r}\n"
        "event = json.load(sys.stdin)\n"
        "mine = os.path.join(folder, 'running-%d' % os.getpid())\n"
        "open(mine, 'w').close()\n"
        "beside = sum(name.startswith('running-') for name in os.listdir(folder))\n"
        "with open(os.path.join(folder, 'told'), 'a') as file:\n"
        "    file.write(json.dumps([sys.argv[1], event['event'], event['id'], beside]) + '\\n')\n"
        "os.remove(mine)\n"
    )
    return (sys.executable, "-c", program, "{id}")


def written(tmp_path: Path) -> list[list[object]]:
    return [json.loads(line) for line in (tmp_path / "told").read_text().splitlines()]


async def test_a_fleet_that_fails_as_a_whole_is_told_in_full_by_few_commands_at_once(
    tmp_path: Path, recorder: tuple[str, ...]
) -> None:
    notifier = FindingNotifier(ManualClock())
    names = {f"node:{number}" for number in range(3 * MOST_AT_ONCE)}
    notifier.notify(OnFinding(recorder, INTERVAL), [finding(name) for name in sorted(names)], ())
    await notifier.close()
    lines = written(tmp_path)
    assert {(argument, event) for argument, event, _, _ in lines} == {(name, FINDING) for name in names}
    assert all(isinstance(beside, int) and beside <= MOST_AT_ONCE for *_, beside in lines)


async def test_held_back_news_is_told_without_another_change(
    tmp_path: Path, recorder: tuple[str, ...], wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    notifier = FindingNotifier(SystemClock())
    setting = OnFinding(recorder, 0.2)
    for appeared, recovered in (([finding()], []), ([], [finding()]), ([finding()], [])):
        notifier.notify(setting, appeared, recovered)
        await notifier.close()
        notifier.notify(setting, (), ())
    await asyncio.to_thread(wait_until, lambda: len(written(tmp_path)) == 3)
    await notifier.close()
    assert [event for _, event, _, _ in written(tmp_path)] == [FINDING, RECOVERY, FINDING]


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("/no/such/program",), "cannot be started"),
        ((sys.executable, "-c", "import sys; sys.exit('no route to the pager')"), "exit code 1: no route to the pager"),
    ],
)
async def test_a_command_that_fails_is_known_until_it_works_again_or_is_another_one(
    command: tuple[str, ...], why: str
) -> None:
    changes: list[str | None] = []
    broken, sound = OnFinding(command, 0.0), OnFinding((sys.executable, "-c", ""), 0.0)
    notifier = FindingNotifier(ManualClock(), lambda: changes.append(notifier.failure(broken)))
    notifier.notify(broken, [finding()], ())
    await notifier.close()
    said = notifier.failure(broken)
    assert said is not None and why in said and changes == [said]
    assert notifier.failure(sound) is None and notifier.failure(None) is None
    notifier.notify(sound, [finding("disk:b")], ())
    await notifier.close()
    assert notifier.failure(broken) is None and changes == [said, None]


async def test_a_command_that_hangs_is_ended_and_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "COMMAND_TIMEOUT_SECONDS", 0.1)
    setting = OnFinding((sys.executable, "-c", "import time; time.sleep(60)"), 0.0)
    notifier = FindingNotifier(ManualClock())
    notifier.notify(setting, [finding()], ())
    await notifier.close()
    assert "was ended" in (notifier.failure(setting) or "")


async def test_that_the_command_does_not_work_is_never_told_to_the_command(
    tmp_path: Path, recorder: tuple[str, ...]
) -> None:
    notifier = FindingNotifier(ManualClock())
    (itself,) = find(HealthInputs(policy([]), 0.0, telling_failed="it ended with exit code 1"))
    assert itself.message == "on_finding does not work: it ended with exit code 1" and itself.severity == "warning"
    notifier.notify(OnFinding(recorder, 0.0), [itself, finding()], [itself])
    await notifier.close()
    assert [name for name, *_ in written(tmp_path)] == ["disk:a"]
