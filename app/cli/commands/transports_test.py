"""``syncdeck transports test``: whether each transport keeps its promises with a node, tried in folders of ours."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import human, output
from app.cli.exit_codes import ExitCode
from app.cli.fleet_access import FleetAccess, fleet_access
from app.cli.options import ConfigOption, JsonOption, StateOption, refuse_read_only, settings_of
from engine.clock import SystemClock
from engine.errors import ErrorClass, SyncdeckError
from engine.model import Transport

if TYPE_CHECKING:
    from engine.transport.conformance.tour import End, Step

NodeArgument = Annotated[str, typer.Argument(metavar="NODE", help="A host of the file.")]
TransportOption = Annotated[
    list[Transport] | None, typer.Option("--transport", metavar="T", help="Only this transport; may be repeated.")
]
SEED_BYTES = 4


@dataclass
class _Count:
    """How many checks ended in each way."""

    passed: int = 0
    failed: int = 0
    not_applicable: int = 0


def transports_test(
    context: typer.Context,
    node: NodeArgument,
    transport: TransportOption = None,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Try every promise of the transports with a node, and their speed; exit 1 if one is broken.

    Works in a scratch folder below the node's data root and another in the state directory, and removes both.
    """
    settings = settings_of(context, config, state)
    refuse_read_only(settings, "test transports with")
    access = fleet_access(settings)
    steps = asyncio.run(_tour(access, node, tuple(transport or ()), not json_output))
    if json_output:
        output.json_value([_as_json(step) for step in steps])
    count = _counted(steps)
    if not json_output:
        output.text(f"{count.passed} passed, {count.failed} failed, {count.not_applicable} not applicable")
    return ExitCode.BAD_ANSWER if count.failed else ExitCode.DONE


async def _tour(access: FleetAccess, node: str, wanted: tuple[Transport, ...], show: bool) -> list[Step]:
    from engine.transport.conformance.tour import tour

    here, there = _ends(access, node)
    seed = int.from_bytes(secrets.token_bytes(SEED_BYTES), "big")
    steps: list[Step] = []
    async with aclosing(tour(here, there, access.ssh, access.policy, wanted, SystemClock(), seed)) as running:
        async for step in running:
            steps.append(step)
            if show:
                _show(step)
    return steps


def _ends(access: FleetAccess, node: str) -> tuple[End, End]:
    """Return this machine's end and the node's; raises SyncdeckError for a host that is unknown or holds no data."""
    from engine.transport.conformance.tour import End

    access.chosen((node,))
    roots = access.fleet.roots(node)
    if not roots:
        raise SyncdeckError(
            "test transports with", node, "it holds no data folder", "give it a ringrift_path", ErrorClass.CONFIG
        )
    own = access.fleet.endpoint(access.fleet.own_node)
    return End(own, str(access.state_dir)), End(access.fleet.endpoint(node), roots[0].root)


def _show(step: Step) -> None:
    result = step.result
    words = result.cause or result.detail
    if result.bytes_per_second is not None:
        words = f"{human.rate(result.bytes_per_second)}, {words}"
    output.text(f"{result.verdict.value:<15}{step.transport.value:<8}{step.direction:<5}{result.check:<18}{words}")
    if result.remedy:
        output.text(f"{'':<28}{result.remedy}")


def _as_json(step: Step) -> dict[str, Any]:
    result = step.result
    return {
        "node": step.node,
        "transport": step.transport.value,
        "direction": step.direction,
        "check": result.check,
        "promise": result.promise,
        "result": result.verdict.value,
        "detail": result.detail,
        "cause": result.cause,
        "remedy": result.remedy,
        "seconds": round(result.seconds, 3),
        "bytes_per_second": None if result.bytes_per_second is None else round(result.bytes_per_second),
    }


def _counted(steps: list[Step]) -> _Count:
    from engine.transport.conformance.check import Verdict

    verdicts = [step.result.verdict for step in steps]
    return _Count(*(verdicts.count(verdict) for verdict in (Verdict.PASSED, Verdict.FAILED, Verdict.NOT_APPLICABLE)))
