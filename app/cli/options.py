"""The options that several commands share, and what they come to together."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from app.cli import logs
from engine.errors import ErrorClass, SyncdeckError

ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="The fleet's distributed_hosts.yaml.")
]
StateOption = Annotated[Path | None, typer.Option("--state", metavar="DIR", help="The engine's state directory.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON; see docs/json.md.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
NodesArgument = Annotated[list[str] | None, typer.Argument(metavar="NODE...", help="Names of hosts of the file.")]


@dataclass(frozen=True, slots=True)
class Settings:
    """What was said before and after the command's name: which file, which state directory, may things change."""

    config: Path | None
    state: Path | None
    read_only: bool = False

    def config_path(self) -> Path:
        """Return the configuration file to use; raises ConfigError when none is found."""
        from config.source import find_config

        return find_config(self.config, os.environ, Path.cwd(), _platform_config_dir())

    def state_dir(self) -> Path:
        """Return the state directory to use; it need not exist."""
        if self.state is not None:
            return Path(os.path.abspath(self.state.expanduser()))
        import platformdirs

        return Path(platformdirs.user_state_dir("syncdeck", appauthor=False))


def settings_of(context: typer.Context, config: Path | None, state: Path | None) -> Settings:
    """Return the settings of a command: what stands after its name wins over what stands before."""
    root = context.find_root().obj
    before = root if isinstance(root, Settings) else Settings(None, None)
    settings = Settings(config or before.config, state or before.state, before.read_only)
    logs.log_command(settings.state_dir())
    return settings


def refuse_read_only(settings: Settings, operation: str) -> None:
    """Raise SyncdeckError when --read-only was given to a command that changes something."""
    if settings.read_only:
        raise SyncdeckError(
            operation, "the fleet", "--read-only was given", "leave --read-only out to change things", ErrorClass.CONFIG
        )


def _platform_config_dir() -> Path:
    import platformdirs

    return Path(platformdirs.user_config_dir("syncdeck", appauthor=False))
