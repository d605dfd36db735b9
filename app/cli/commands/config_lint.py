"""``syncdeck config lint``: what is wrong with a configuration file, line by line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli import human, json_views, output
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, JsonOption, StateOption, settings_of
from config.types import LintFinding, Severity

FileArgument = Annotated[Path | None, typer.Argument(metavar="[FILE]", help="The file; without it the one in use.")]


def config_lint(
    context: typer.Context,
    file: FileArgument = None,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Check a configuration file; exit 1 for an error or a warning, 2 when it cannot be read."""
    from config.lint import lint

    path = file or settings_of(context, config, state).config_path()
    findings = lint(path)
    if json_output:
        output.json_value([json_views.lint_finding(finding) for finding in findings])
    else:
        _print(path, findings)
    bad = any(finding.severity is not Severity.NOTE for finding in findings)
    return ExitCode.BAD_ANSWER if bad else ExitCode.DONE


def _print(path: Path, findings: list[LintFinding]) -> None:
    for finding in findings:
        place = f"{finding.file}:{finding.line}:{finding.column}"
        output.text(f"{place}: {finding.severity.value}: {finding.message} [{finding.rule}]")
        if finding.remedy:
            output.text(f"    {finding.remedy}")
    numbers = [
        human.count(sum(finding.severity is severity for finding in findings), severity.value) for severity in Severity
    ]
    output.note(f"{path}: {', '.join(numbers)}")
