"""The front door: reads the command line, runs a command, returns its exit code. Loads neither textual nor rich."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from app.cli import failures, output
from app.cli.command_table import COMMANDS, GROUPS, load, needed
from app.cli.exit_codes import ExitCode, of_signal
from app.cli.options import ConfigOption, JsonOption, Settings, StateOption
from app.cli.version import version


def main(argv: list[str] | None = None) -> int:
    """Run one command line (default: this process's) and return its exit code; see app/cli/exit_codes.py."""
    output.prepare_streams()
    command = typer.main.get_command(_application(needed(sys.argv[1:] if argv is None else argv)))
    try:
        result = command.main(args=argv, prog_name="syncdeck", standalone_mode=False)
    except typer.Exit as leave:
        return leave.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        return of_signal(signal.SIGPIPE)
    except Exception as error:  # noqa: BLE001 - the last place: every failure becomes a line and an exit code here
        show = getattr(error, "show", None)
        if show is not None and hasattr(error, "exit_code"):
            show()
            return ExitCode.USAGE
        return failures.report(error)
    return int(result or 0)


def _application(commands_of: Mapping[str, Mapping[str, str]]) -> typer.Typer:
    """Return the command line with some groups of commands; without markup and completion no path loads rich."""
    root = _group("Move a training fleet's data safely, and see where it is.")
    root.callback(invoke_without_command=True)(_start)
    for group_name, commands in commands_of.items():
        group = root
        if group_name:
            group = _group(GROUPS[group_name])
            # A group may answer by itself, too: what it does without a command's name stands under "".
            alone = load(group_name, "") if "" in commands else _nothing
            group.callback(invoke_without_command="" in commands)(alone)
            root.add_typer(group, name=group_name, help=GROUPS[group_name])
        for name in filter(None, commands):
            group.command(name)(load(group_name, name))
    return root


def _group(text: str) -> typer.Typer:
    return typer.Typer(help=text, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)


def _nothing() -> int:
    """Say nothing: the group's help is given where it is added."""
    return ExitCode.DONE


def _start(
    context: typer.Context,
    config: ConfigOption = None,
    state: StateOption = None,
    no_ui: Annotated[bool, typer.Option("--no-ui", help="Run the engine alone, without a console.")] = False,
    once: Annotated[bool, typer.Option("--once", help="With --no-ui: one scan, one plan, drain, exit.")] = False,
    observe: Annotated[bool, typer.Option("--observe", help="Scan, plan and show; move nothing.")] = False,
    lab: Annotated[bool, typer.Option("--lab", help="Open the console on a lab fleet.")] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="Take away every key that changes something.")] = False,
    log_json: Annotated[bool, typer.Option("--log-json", help="Write log records as JSON, one per line.")] = False,
    json_output: JsonOption = False,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> int:
    """Open the console; with --no-ui run the engine alone."""
    settings = Settings(config, state, read_only)
    context.obj = settings
    if show_version:
        output.line(f"syncdeck {version()}")
        raise typer.Exit(ExitCode.DONE)
    if context.invoked_subcommand is not None:
        _refuse_before_a_command({"--no-ui": no_ui, "--once": once, "--observe": observe, "--lab": lab})
        if json_output:
            context.default_map = _json_everywhere()
        return ExitCode.DONE
    _refuse_odd_combinations(no_ui, once, lab, json_output)
    if no_ui:
        from app.cli.commands.headless import HeadlessOptions, headless

        return headless(settings, HeadlessOptions(once, observe or read_only, log_json, json_output))
    from app.cli.commands.console import ConsoleOptions, console

    return console(settings, ConsoleOptions(lab, observe, log_json))


def _refuse_before_a_command(given: dict[str, bool]) -> None:
    for option, said in given.items():
        if said:
            raise typer.BadParameter(f"{option} starts an engine or a console; a command does neither")


def _json_everywhere() -> dict[str, Any]:
    """Return click's defaults for ``syncdeck --json COMMAND``: what stands before a command holds for it too."""
    defaults: dict[str, Any] = {}
    for group, commands in COMMANDS.items():
        inner: dict[str, Any] = {name: {"json_output": True} for name in commands if name}
        defaults |= {group: {"json_output": True, **inner}} if group else inner
    return defaults


def _refuse_odd_combinations(no_ui: bool, once: bool, lab: bool, json_output: bool) -> None:
    if once and not no_ui:
        raise typer.BadParameter("--once belongs to --no-ui")
    if lab and no_ui:
        raise typer.BadParameter("--lab opens a console; `syncdeck lab up` prints how to run --no-ui on a lab")
    if json_output and not once:
        raise typer.BadParameter("--json belongs to a command that reads, or to --no-ui --once")
