"""The front door: reads the command line, runs a command, returns its exit code. Loads neither textual nor rich."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Annotated, Any

import typer

from app.cli import failures, output
from app.cli.commands.archive_check import archive_allow, archive_drill, archive_restore, archive_verify
from app.cli.commands.archive_run import archive_run, archive_undo
from app.cli.commands.archive_show import archive_candidates, archive_list, archive_usage
from app.cli.commands.bandwidth_set import bandwidth_set
from app.cli.commands.bandwidth_show import bandwidth_show
from app.cli.commands.catalog_classify import catalog_classify
from app.cli.commands.catalog_games import catalog_games
from app.cli.commands.catalog_ls import catalog_ls
from app.cli.commands.catalog_pin import catalog_pin, catalog_unpin
from app.cli.commands.catalog_where import catalog_where
from app.cli.commands.config_effective import config_effective
from app.cli.commands.config_lint import config_lint
from app.cli.commands.console import ConsoleOptions, console
from app.cli.commands.disk_allow import disk_allow
from app.cli.commands.emergency import emergency
from app.cli.commands.headless import HeadlessOptions, headless
from app.cli.commands.lab_up import lab_up
from app.cli.commands.nodes_at_risk import nodes_at_risk
from app.cli.commands.nodes_drain import nodes_drain
from app.cli.commands.nodes_enrol import nodes_enrol
from app.cli.commands.nodes_leftovers import nodes_leftovers
from app.cli.commands.nodes_ls import nodes_ls
from app.cli.commands.nodes_test import nodes_test
from app.cli.commands.pause import pause, resume
from app.cli.commands.plan import plan
from app.cli.commands.rules_change import rules_fix, rules_remove, rules_set, rules_simulate, rules_undo
from app.cli.commands.rules_show import rules_explain, rules_list
from app.cli.commands.status import status
from app.cli.commands.sync import sync
from app.cli.commands.transfers import transfers
from app.cli.commands.transfers_pause import transfers_pause, transfers_resume
from app.cli.commands.transfers_show import transfers_show
from app.cli.commands.transports_reset import transports_reset
from app.cli.commands.transports_status import transports_status
from app.cli.commands.transports_test import transports_test
from app.cli.exit_codes import ExitCode, of_signal
from app.cli.options import ConfigOption, JsonOption, Settings, StateOption
from app.cli.version import version

COMMANDS: dict[str, dict[str, Callable[..., int]]] = {
    "": {
        "status": status,
        "plan": plan,
        "sync": sync,
        "emergency": emergency,
        "pause": pause,
        "resume": resume,
    },
    "transfers": {
        "": transfers,
        "show": transfers_show,
        "pause": transfers_pause,
        "resume": transfers_resume,
    },
    "archive": {
        "list": archive_list,
        "candidates": archive_candidates,
        "usage": archive_usage,
        "run": archive_run,
        "restore": archive_restore,
        "verify": archive_verify,
        "drill": archive_drill,
        "allow": archive_allow,
        "undo": archive_undo,
    },
    "disk": {"allow": disk_allow},
    "bandwidth": {"show": bandwidth_show, "set": bandwidth_set},
    "catalog": {
        "ls": catalog_ls,
        "where": catalog_where,
        "games": catalog_games,
        "pin": catalog_pin,
        "unpin": catalog_unpin,
        "classify": catalog_classify,
    },
    "config": {"lint": config_lint, "effective": config_effective},
    "nodes": {
        "ls": nodes_ls,
        "test": nodes_test,
        "enrol": nodes_enrol,
        "leftovers": nodes_leftovers,
        "at-risk": nodes_at_risk,
        "drain": nodes_drain,
        "pause": pause,
        "resume": resume,
    },
    "transports": {"status": transports_status, "reset": transports_reset, "test": transports_test},
    "rules": {
        "list": rules_list,
        "explain": rules_explain,
        "simulate": rules_simulate,
        "set": rules_set,
        "remove": rules_remove,
        "undo": rules_undo,
        "fix": rules_fix,
    },
    "lab": {"up": lab_up},
}
GROUPS = {
    "archive": "Old data, compressed, read back in full, and restored.",
    "disk": "How full disks may become.",
    "bandwidth": "How fast transfers may go, and who says so.",
    "transfers": "Show transfers: running ones first, then by urgency, then finished ones, newest first.",
    "catalog": "What data there is and where.",
    "config": "What the configuration file says and means.",
    "nodes": "The fleet's hosts.",
    "transports": "The ways in which bytes move.",
    "rules": "Which files belong where: routing rules, tried before they are saved.",
    "lab": "A whole fleet on this machine, for trying.",
}


def main(argv: list[str] | None = None) -> int:
    """Run one command line (default: this process's) and return its exit code; see app/cli/exit_codes.py."""
    output.prepare_streams()
    command = typer.main.get_command(_application())
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


def _application() -> typer.Typer:
    """Return the command line; without markup and completion no path of it loads rich."""
    root = _group("Move a training fleet's data safely, and see where it is.")
    root.callback(invoke_without_command=True)(_start)
    for group_name, commands in COMMANDS.items():
        group = root
        if group_name:
            group = _group(GROUPS[group_name])
            # A group may answer by itself, too: what it does without a command's name stands under "".
            group.callback(invoke_without_command="" in commands)(commands.get("", _nothing))
            root.add_typer(group, name=group_name, help=GROUPS[group_name])
        for name, command in commands.items():
            if name or not group_name:
                group.command(name)(command)
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
        return headless(settings, HeadlessOptions(once, observe or read_only, log_json, json_output))
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
