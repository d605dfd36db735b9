"""The rooms of the repository stay what they are: who imports what, how long a file is, what lies at the top."""

from __future__ import annotations

import fnmatch
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.project_files import project_files

ROOMS = ("app", "widgets", "engine", "config")
LONGEST_FILE_LINES, LONGEST_TEST_FILE_LINES, LONGEST_SCREEN_LINES = 350, 400, 300
TOP_LEVEL = {
    ".ci", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "app", "config", "docs",
    "engine", "pyproject.toml", "requirements.txt", "screenshots", "scripts", "syncdeck.py", "tests", "widgets",
}  # fmt: skip
# Spelled in parts, so that this file does not hold what it looks for.
REGISTRY_HOSTS = re.compile("(pypi|pythonhosted|deb[.]debian|security[.]debian|npmjs)" + "[.]org")
TEXT_SUFFIXES = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".sh", ".tcss", ".ini", ".cfg", ".mako", ".json", ""}


def python_files(repository: Path) -> list[Path]:
    return [path for path in project_files(repository) if path.suffix == ".py"]


IMPORT_ALL = """
import importlib, pkgutil, sys
rooms, unwanted = (set(words.split(",")) for words in sys.argv[1:])
for room in rooms:
    package = importlib.import_module(room)
    for module in pkgutil.walk_packages(package.__path__, room + "."):
        if "migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
print(sorted({name.partition(".")[0] for name in sys.modules} & unwanted))
"""
WAITING = ("aioboto3", "aiobotocore", "boto3", "botocore")


def loaded(repository: Path, rooms: tuple[str, ...], unwanted: tuple[str, ...]) -> str:
    """Return which of the unwanted packages are there once every module of these rooms is imported."""
    command = [sys.executable, "-c", IMPORT_ALL, ",".join(rooms), ",".join(unwanted)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_engine_and_configuration_run_without_any_terminal_library(repository: Path) -> None:
    assert loaded(repository, ("engine", "config"), ("textual", "rich")) == "[]"


def test_the_s3_library_waits_for_its_transport_and_is_loaded_by_nothing(repository: Path) -> None:
    assert loaded(repository, ROOMS, WAITING) == "[]"
    sources = [path for path in python_files(repository) if path.relative_to(repository).parts[0] in ROOMS]
    imports = re.compile(rf"^\s*(from|import) ({'|'.join(WAITING)})\b", re.MULTILINE)
    assert [str(path) for path in sources if imports.search(path.read_text(encoding="utf-8"))] == []


def test_every_room_says_its_purpose_in_the_first_line_of_its_init(repository: Path) -> None:
    silent = [
        str(path.relative_to(repository))
        for path in python_files(repository)
        if path.name == "__init__.py"
        and path.relative_to(repository).parts[0] in ROOMS
        and not path.read_text(encoding="utf-8").startswith('"""')
    ]
    assert silent == []


@pytest.mark.parametrize(
    ("section", "folder"),
    [
        ("The engine's rooms", "engine/"),
        ("The rooms of the configuration", "config/"),
        ("The rooms of the console", "app/console/"),
    ],
)
def test_every_room_is_described(repository: Path, section: str, folder: str) -> None:
    page = (repository / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.partition(f"## {section}\n")[2].partition("\n## ")[0]
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    named = [name.removeprefix(folder) for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    root = repository / folder
    inside = [path.relative_to(root) for path in python_files(repository) if root in path.parents]
    rooms = {path.parts[0] + "/" * (len(path.parts) > 1) for path in inside if path.as_posix() != "__init__.py"}
    assert rooms
    assert {room for room in rooms if not any(fnmatch.fnmatch(room, name) for name in named)} == set()
    assert [name for name in named if not any(fnmatch.fnmatch(str(path), f"{name}*") for path in inside)] == []


def test_no_file_is_longer_than_a_reader_can_hold(repository: Path) -> None:
    def limit(path: Path) -> int:
        if repository / "app" / "console" / "screens" in path.parents:
            return LONGEST_SCREEN_LINES
        return LONGEST_TEST_FILE_LINES if path.relative_to(repository).parts[0] == "tests" else LONGEST_FILE_LINES

    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in python_files(repository)}
    too_long = {str(path.relative_to(repository)): n for path, n in lengths.items() if n > limit(path)}
    assert too_long == {}


def test_the_top_of_the_repository_holds_what_it_should_and_nothing_else(repository: Path) -> None:
    top = {path.relative_to(repository).parts[0] for path in project_files(repository)}
    assert top == TOP_LEVEL


def lines_that_match(repository: Path, pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(repository)}:{number}: {line.strip()[:80]}"
        for path in project_files(repository)
        if path.suffix in TEXT_SUFFIXES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_file_names_a_registry(repository: Path) -> None:
    assert lines_that_match(repository, REGISTRY_HOSTS) == []


def test_no_file_names_the_folder_that_it_was_written_in(repository: Path) -> None:
    assert lines_that_match(repository, re.compile(rf"(?<![\w.~*-]){re.escape(str(repository))}/")) == []


def test_requirements_are_pinned_with_hashes_and_name_no_address(repository: Path) -> None:
    lines = (repository / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if "://" in line or line.startswith("-")] == []
    pins = [line for line in lines if line and not line.startswith(("#", " "))]
    assert [pin for pin in pins if "==" not in pin or not pin.endswith("\\")] == []
    assert "textual==8.2.8 \\" in pins


def test_every_dependency_is_pinned_and_explained(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[\[<>=]", requirement)[0] for requirement in wanted}
    pins = (repository / "requirements.txt").read_text(encoding="utf-8")
    explained = (repository / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
    assert {name for name in names if f"\n{name}==" not in pins} == set()
    assert {name for name in names if f"`{name}`" not in explained} == set()
