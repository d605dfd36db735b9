"""The command starts whatever else is called app, engine, config or widgets where it is started."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from app.cli.exit_codes import ExitCode
from tests.project_files import project_files

SHOW_ORIGINS = """
import sys
import syncdeck
syncdeck._claim_imports()
import app, config, engine, widgets, textual
for package in (app, config, engine, widgets, textual):
    print(package.__file__)
"""


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Return a folder with packages of our names, and of a library that we need, that must never be imported."""
    folder = tmp_path / "their code"
    folder.mkdir()
    for name in ("typing", "yaml", "sysconfig"):
        (folder / f"{name}.py").write_text(f"raise SystemExit('the foreign {name} was imported')\n")
    for name in ("app", "engine", "config", "widgets", "textual"):
        package = folder / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(f"raise SystemExit('the foreign {name} was imported')\n")
    return folder


def origins(repository: Path, cwd: Path, python_path: str, first: str = "") -> list[str]:
    """Return where our packages and textual come from, in a Python started like that."""
    environment = {**os.environ, "PYTHONPATH": python_path}
    code = f"import sys; sys.path.append({str(repository)!r})\n{first}\n{SHOW_ORIGINS}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def assert_ours(repository: Path, found: list[str]) -> None:
    rooms = [str(repository / name / "__init__.py") for name in ("app", "config", "engine", "widgets")]
    assert found[:4] == rooms
    assert Path(sysconfig.get_paths()["purelib"]) in Path(found[4]).parents


def test_other_packages_on_pythonpath_are_not_imported(repository: Path, hostile: Path, tmp_path: Path) -> None:
    assert_ours(repository, origins(repository, tmp_path, str(hostile)))


def test_other_packages_in_the_working_folder_are_not_imported(repository: Path, hostile: Path) -> None:
    assert_ours(repository, origins(repository, hostile, ""))


def test_packages_imported_before_us_from_elsewhere_are_forgotten(
    repository: Path, hostile: Path, tmp_path: Path
) -> None:
    (hostile / "app" / "__init__.py").write_text("")
    (hostile / "app" / "coordination.py").write_text("")
    first = "import app.coordination"
    assert_ours(repository, origins(repository, tmp_path, str(hostile), first))


def test_a_pythonpath_that_names_our_own_folder_does_no_harm(repository: Path, hostile: Path) -> None:
    both = os.pathsep.join((str(hostile), str(repository)))
    assert_ours(repository, origins(repository, hostile, both))


def test_the_script_itself_starts_among_hostile_packages(repository: Path, hostile: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(repository / "syncdeck.py"), "--version"],
        cwd=hostile,
        env={**os.environ, "PYTHONPATH": str(hostile)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_a_working_folder_that_was_removed_does_not_stop_the_start(repository: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    code = f"import os; os.rmdir({str(gone)!r}); import sys; sys.path.append({str(repository)!r})\n{SHOW_ORIGINS}"
    done = subprocess.run([sys.executable, "-c", code], cwd=gone, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def installed(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the command of a wheel installed into a fresh environment that sees this one's libraries."""
    folder = tmp_path_factory.mktemp("installed")
    copy = folder / "source"
    copy.mkdir()
    for source in project_files(repository, new=True):
        name = source.relative_to(repository)
        if name.parts[0] in {"app", "engine", "config", "widgets"} or len(name.parts) == 1:
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(copy)]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    environment = folder / "venv"
    venv.create(environment, with_pip=False)
    (wheel,) = folder.glob("*.whl")
    python = environment / "bin" / "python"
    place = [*pip, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(place, check=True, capture_output=True, timeout=120)
    site_packages = next((environment / "lib").glob("python*/site-packages"))
    (site_packages / "libraries.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return environment / "bin" / "syncdeck"


def test_an_installed_wheel_starts_among_hostile_packages(installed: Path, hostile: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(hostile)}
    done = subprocess.run(
        [installed, "--version"], cwd=hostile, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_an_installed_wheel_brings_its_data_files(repository: Path, installed: Path) -> None:
    packages = next((installed.parent.parent / "lib").glob("python*/site-packages"))
    wanted = [
        path.relative_to(repository)
        for room in ("app", "engine", "config", "widgets")
        for path in (repository / room).rglob("*")
        if path.is_file() and path.suffix != ".pyc" and not path.name.startswith(".")
    ]
    assert [str(path) for path in wanted if not (packages / path).exists()] == []


def test_an_interruption_while_it_still_loads_is_an_exit_code_and_no_traceback(tmp_path: Path) -> None:
    code = (
        "import sys, syncdeck\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'app.cli.failures':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "sys.exit(syncdeck.main(['--version']))\n"
    )
    repository = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.INTERRUPTED, "", "")
