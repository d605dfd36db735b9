"""What tests put in the place of our own code for a time: every such call is listed with its reason, and none is new.

A mock answers what the test believes. What is replaced here is a number, or a promise that is broken on purpose; the
rest of the program stays what it is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SMALLER = "a number made small, so that what takes days or gigabytes comes within a test"
SOONER = "a span made short, so that what comes by itself is seen sooner"
MAY_REPLACE = {
    "tests/api/test_control_socket.py": {"engine.api.client.GREETING_SECONDS": SOONER},
    "tests/archive/test_odd_files.py": {"programs.EXTRA_PATHS": "a node on which zstd lies nowhere"},
    "tests/cli/test_exit_codes.py": {"app.cli.engine_access.STARTING_PATIENCE_SECONDS": SOONER},
    "tests/console/test_engine_seen.py": {"pilot.app.bell": "the terminal's bell, which a test must count"},
    "tests/console/test_flows.py": {"pilot.app._display": "still draws, and is counted"},
    "tests/e2e/test_more_than_the_queue_holds.py": {
        "reconcile.MOST_QUEUED": SMALLER,
        "reconcile.MOST_URGENT": SMALLER,
        "planning_loop.REFILL_ROOM": SMALLER,
        "planning_loop.FULL_PASS_SECONDS": "longer than the test: what is seen must not come from the slow pass",
    },
    "tests/execution/test_no_room_at_source.py": {"space.SNAPSHOT_MARGIN_BYTES": "a disk that is too full to snapshot"},
    "tests/execution/test_resting_nodes.py": {"engine.transport.breakers.FIRST_COOL_DOWN_SECONDS": SOONER},
    "tests/games/conftest.py": {"sys.executable": "another Python, as a node has it"},
    "tests/games/test_game_index.py": {
        "segments_module.SPILL_GAMES": SMALLER,
        "index_module.CHUNK_GAMES": SMALLER,
        "index_module.DEAD_BEFORE_TIDYING": SMALLER,
    },
    "tests/games/test_set_files.py": {"gathering_module.RUN_IDS": SMALLER},
    "tests/health/test_telling.py": {"notify.COMMAND_TIMEOUT_SECONDS": SOONER},
    "tests/remote/conftest.py": {"sys.executable": "another Python, as a node has it"},
    "tests/remote/test_batch_ends.py": {
        "batch_reading.existing": "still looks, slowly or after the others, and is counted",
        "batch_readers.HUNG_SECONDS": "sooner, or longer than the test",
        "batch_readers.PATIENCE_SECONDS": "longer than the test: a busy machine must not look like a slow disk",
    },
    "tests/remote/test_batch_placing.py": {
        "batch_placing._is_ready": "still looks, and somebody else writes at that very moment",
        "batch_placing._without_overwriting": "a system that cannot rename without overwriting",
    },
    "tests/remote/test_pages.py": {"pages_copy.FICLONE": "a file system without reflinks"},
    "tests/rescue/test_filling_for_an_emergency.py": {"runner.SPACE_CHECK_SECONDS": SOONER},
    "tests/routing/test_simulate_properties.py": {
        "groups._BLOCK": SMALLER,
        "filling._BUCKET": SMALLER,
        "many_choices._AT_ONCE": SMALLER,
    },
    "tests/rules/test_desk.py": {
        "trial.TELL_SECONDS": SOONER,
        "desk._trials.tell": "what is told on the way, which a test must collect",
        "Simulation.groups": "a trial that never ends by itself, to be cancelled",
    },
    "tests/store/test_store_opening.py": {"engine.store.opening.BUSY_TIMEOUT_MS": SOONER},
    "tests/transport/test_handover.py": {
        "os.geteuid": "somebody else's, which only root could be in truth",
    },
    "tests/transport/test_serving_manifests.py": {
        "engine.remote.agent.manifests.time.time": "a minute later: what was just written is not believed to stay",
    },
}
BREAKS_PROMISES = "tests/model/broken.py"
"""Breaks one promise at a time, on purpose, to show that the model fleet would notice."""


def _replaced(repository: Path) -> Iterator[tuple[str, str]]:
    """Yield (file, what) for every call of ``setattr`` in the tests, by pytest's patch or by Python itself."""
    for path in sorted((repository / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) == "setattr":
                yield path.relative_to(repository).as_posix(), _what(node)


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _what(call: ast.Call) -> str:
    """Return the target as it is written: ``module.NAME``, whether it is given as one text or as two arguments."""
    first, *rest = call.args
    if isinstance(first, ast.Constant):
        return str(first.value)
    return f"{ast.unparse(first)}.{ast.literal_eval(rest[0]) if isinstance(rest[0], ast.Constant) else '?'}"


def test_nothing_of_ours_is_replaced_in_a_test_but_what_is_listed_with_a_reason(repository: Path) -> None:
    found = {(file, what) for file, what in _replaced(repository) if file != BREAKS_PROMISES}
    listed = {(file, what) for file, reasons in MAY_REPLACE.items() for what in reasons}
    assert found - listed == set(), "hand it in by a parameter, or list it with its reason"
    assert listed - found == set(), "nothing replaces this any more"


def test_promises_are_broken_only_where_the_model_shows_that_it_notices(repository: Path) -> None:
    users = {
        path.relative_to(repository).as_posix()
        for path in (repository / "tests").rglob("*.py")
        if "tests.model.broken" in path.read_text(encoding="utf-8") and path != Path(__file__)
    }
    assert users == {"tests/model/test_breaking_it.py"}
