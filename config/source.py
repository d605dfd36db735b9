"""Finding and reading the file: the only I/O of loading."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from config.errors import ConfigError

FILE_NAME = "distributed_hosts.yaml"
ENVIRONMENT_VARIABLE = "SYNCDECK_CONFIG"

_MAX_BYTES = 64 * 1024 * 1024
"""A cluster file of this size is not one: somebody named a database or a log."""


def find_config(explicit: Path | None, env: Mapping[str, str], cwd: Path, platform_config_dir: Path) -> Path:
    """Return the file to use: ``explicit``, ``$SYNCDECK_CONFIG``, then the usual places, the first that exists.

    A file that was named but is not there is an error, never a reason to take another one. Raises
    ``ConfigError``.
    """
    if explicit is not None:
        return _existing(explicit, "--config")
    if named := env.get(ENVIRONMENT_VARIABLE):
        return _existing(cwd / Path(named).expanduser(), f"${ENVIRONMENT_VARIABLE}")
    candidates = (cwd / FILE_NAME, cwd / "config" / FILE_NAME, platform_config_dir / FILE_NAME)
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    tried = ", ".join(str(candidate) for candidate in candidates)
    raise ConfigError(
        FILE_NAME,
        None,
        None,
        "",
        f"no configuration file found; looked at {tried}",
        f"name one with --config FILE or ${ENVIRONMENT_VARIABLE}, or try `syncdeck --lab`",
    )


def read_text(path: Path) -> str:
    """Return the text of a file, line ends untouched; raises ``ConfigError`` when it cannot be read as text."""
    try:
        if path.is_file() and path.stat().st_size > _MAX_BYTES:
            raise _unreadable(path, "it is larger than 64 MiB", "name the cluster file itself")
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise _unreadable(path, "there is no such file", "name the right file with --config") from error
    except OSError as error:
        cause = error.strerror or str(error)
        raise _unreadable(path, f"it cannot be read: {cause}", "check its type and permissions") from error
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        cause = f"it is not UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}"
        raise ConfigError(str(path), line, column, "", cause, "save it as UTF-8") from error


def _existing(path: Path, named_by: str) -> Path:
    if not path.is_file():
        cause = "it is not a file" if path.exists() else "there is no such file"
        raise _unreadable(path, f"{cause} ({named_by} names it)", f"correct {named_by}")
    return path


def _unreadable(path: Path, cause: str, remedy: str) -> ConfigError:
    return ConfigError(str(path), None, None, "", cause, remedy)
