"""Promises about our own code that no run can show: what it never does, it holds no call for."""

from __future__ import annotations

import ast
import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path

from tests.project_files import project_files

REMOVING = {"unlink", "remove", "rmtree", "rmdir", "removedirs", "truncate", "ftruncate"}
MAY_REMOVE = {
    "engine/api/lock.py": "the lock file's own text",
    "engine/api/server.py": "the control socket",
    "engine/remote/enrol.py": "a half-written known_hosts",
    "engine/games/gathering.py": "a half-written set of game hashes, in the state directory",
    "engine/games/index.py": "the index over those sets, which is made from them again",
    "engine/games/library.py": "sets of contents that are no more, and the index when it is made again",
    "engine/games/segments.py": "pieces of that index",
    "engine/remote/agent/batch_writing.py": "a temporary file of ours",
    "engine/remote/agent/deleting.py": "the one way to delete data: archived, proven, and hashed at that moment",
    "engine/remote/agent/fetching_file.py": "nothing: it sets the length of a temporary file of ours",
    "engine/remote/agent/holes.py": "what is noted beside a temporary file of ours",
    "engine/remote/agent/pages_copy.py": "a temporary file of ours",
    "engine/remote/agent/pages_new.py": "a delta of ours that was not written to its end",
    "engine/remote/agent/partial.py": "a partial file of ours",
    "engine/remote/agent/scratch.py": "the folder of ours that transports are tried in",
    "engine/remote/agent/growing.py": "a snapshot of ours",
    "engine/remote/agent/snapshots.py": "a snapshot of ours",
    "engine/remote/agent/publishing.py": "a temporary file of ours, and the log of a replaced copy",
    "engine/transport/conformance/batches.py": "a file in the folder of ours that transports are tried in",
    "engine/transport/conformance/ends.py": "a file in the folder of ours that transports are tried in",
}
"""Every file of the engine that removes anything, and what: each is held to it by tests of its own room."""
THE_LAB = "engine/lab/"
REWRITING = re.compile(r"\b(VACUUM|wal_checkpoint)\b", re.IGNORECASE)
MOCKS = {"unittest.mock", "mock", "pytest_mock"}
ADDRESS = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\.\d)(?!\w)")
BESIDE_PRIVATE_NETWORKS = {"172.32.0.1", "100.128.0.1"}
"""The first address after a private network's last: what tells whether its end is known. Of no machine of ours."""
MADE_UP = [ipaddress.ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "100.64.0.0/10")]


def _trees(repository: Path, folder: str) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((repository / folder).rglob("*.py")):
        yield path.relative_to(repository).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def _calls(tree: ast.Module) -> Iterator[ast.Attribute | ast.Name]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            yield node.func


def _explanations(tree: ast.Module) -> list[ast.expr]:
    """Return the strings that stand alone: docstrings, which nothing can run."""
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]


def _removes(function: ast.Attribute | ast.Name) -> bool:
    """Return whether a call removes something of a file system: by method, by module, or by an imported name."""
    if isinstance(function, ast.Name):
        return function.id in REMOVING
    of_a_collection = function.attr == "remove" and not (
        isinstance(function.value, ast.Name) and function.value.id == "os"
    )
    return function.attr in REMOVING and not of_a_collection


def test_nothing_in_the_engine_deletes_data(repository: Path) -> None:
    found = {
        name
        for name, tree in _trees(repository, "engine")
        for function in _calls(tree)
        if _removes(function) and not name.startswith(THE_LAB)
    }
    assert found - set(MAY_REMOVE) == set(), "only what is listed with its reason removes anything"
    assert set(MAY_REMOVE) - found == set(), "nothing is removed there any more"


def test_nothing_rewrites_a_database_in_place(repository: Path) -> None:
    strings = [
        (name, node.value)
        for name, tree in _trees(repository, "engine/remote")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in _explanations(tree)
    ]
    assert strings
    assert [(name, text) for name, text in strings if REWRITING.search(text)] == []


def test_no_test_replaces_our_own_code_by_a_mock(repository: Path) -> None:
    for name, tree in _trees(repository, "tests"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert not {alias.name for alias in node.names} & MOCKS, name
            elif isinstance(node, ast.ImportFrom):
                assert node.module not in MOCKS, name
                assert node.module != "unittest" or "mock" not in {alias.name for alias in node.names}, name


def test_no_real_address_is_in_the_repository(repository: Path) -> None:
    endings = {".py", ".md", ".yaml", ".yml", ".toml", ".sh", ".tcss"}
    public: list[tuple[str, str]] = []
    for path in project_files(repository):
        if path.suffix in endings:
            found = ADDRESS.findall(path.read_text(encoding="utf-8"))
            public += [(str(path.relative_to(repository)), text) for text in found if _is_public(text)]
    assert public == []


def _is_public(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return (
        address.is_global and text not in BESIDE_PRIVATE_NETWORKS and not any(address in network for network in MADE_UP)
    )
