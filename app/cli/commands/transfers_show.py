"""``syncdeck transfers show``: one transfer with every attempt, and every transport that failed in it."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from app.cli import human, json_views, output
from app.cli.engine_access import engine_for
from app.cli.exit_codes import ExitCode
from app.cli.options import ConfigOption, JsonOption, Settings, StateOption, settings_of
from app.cli.table import Column
from engine.errors import ErrorClass, SyncdeckError
from engine.transport_views import AttemptView

IdArgument = Annotated[int, typer.Argument(metavar="ID", help="An id of `syncdeck transfers`.")]

_COLUMNS = (
    Column("TRY", right=True),
    Column("ENDED", right=True),
    Column("BY"),
    Column("RESULT"),
    Column("TOOK", right=True),
    Column("RATE", right=True),
    Column("DONE", right=True),
    Column("WIRE", right=True),
    Column("SENT AGAIN", right=True),
    Column("FROM", flexible=True),
    Column("TO", flexible=True),
    Column("ERROR", flexible=True),
)


def transfers_show(
    context: typer.Context,
    transfer_id: IdArgument,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Show a transfer's attempts: by which transport, what moved, what was sent again, what went wrong."""
    return asyncio.run(_show(settings_of(context, config, state), transfer_id, json_output))


async def _show(settings: Settings, transfer_id: int, json_output: bool) -> int:
    async with engine_for(settings) as engine:
        transfer = await engine.transfer(transfer_id)
        if transfer is None:
            cause, remedy = "there is no such transfer (any more)", "see the ids with `syncdeck transfers`"
            raise SyncdeckError("show transfer", str(transfer_id), cause, remedy, ErrorClass.CONFIG)
        attempts = await engine.attempts(transfer_id)
        now = (await engine.status()).at
    if json_output:
        output.json_value(json_views.transfer(transfer) | {"attempts_made": [json_views.plain(a) for a in attempts]})
        return ExitCode.DONE
    output.text(f"{transfer.key}: {transfer.state}" + (f", {transfer.reason}" if transfer.reason else ""))
    if transfer.hint:
        output.text(f"remedy: {transfer.hint}")
    if attempts:
        output.table(_COLUMNS, [cells for attempt in attempts for cells in _rows(attempt, now)])
    return ExitCode.DONE


def _rows(attempt: AttemptView, now: float) -> list[tuple[str, ...]]:
    """Return a line for the attempt, below one for each transport that failed before another delivered."""
    failed = attempt.failures if attempt.success else attempt.failures[:-1]
    lines = [
        ("", human.age(error.at, now), error.transport, error.error_class, "", "", "", "", "", "", "", error.error)
        for error in failed
    ]
    return [
        *lines,
        (
            str(attempt.number),
            human.age(attempt.finished_at, now),
            attempt.transport,
            "done" if attempt.success else attempt.error_class or "failed",
            human.span(attempt.duration_seconds),
            human.rate(attempt.bytes_per_second),
            human.size(attempt.bytes_done),
            human.size(attempt.bytes_on_wire),
            human.size(attempt.bytes_resent),
            attempt.source,
            attempt.target,
            attempt.error or "",
        ),
    ]
