"""``syncdeck transports test``: whether each transport keeps its promises with a node, tried in folders of ours."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import human, output
from app.cli.exit_codes import ExitCode
from app.cli.fleet_access import FleetAccess, fleet_access
from app.cli.options import ConfigOption, JsonOption, StateOption, refuse_read_only, settings_of
from engine.clock import SystemClock
from engine.errors import ErrorClass, NodeUnreachable, SyncdeckError
from engine.model import NodeState, Transport

if TYPE_CHECKING:
    from engine.transport.conformance.tour import End, Step

NodeArgument = Annotated[str, typer.Argument(metavar="NODE", help="A host of the file.")]
TransportOption = Annotated[
    list[Transport] | None, typer.Option("--transport", metavar="T", help="Only this transport; may be repeated.")
]
CheckOption = Annotated[
    list[str] | None, typer.Option("--check", metavar="C", help="Only this check; may be repeated.")
]
SEED_BYTES = 4
REACH = "reach"


def transports_test(
    context: typer.Context,
    node: NodeArgument,
    transport: TransportOption = None,
    check: CheckOption = None,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Try every promise of the transports with a node, and their speed; exit 1 if one is broken.

    Works in a scratch folder below the node's data root and another in the state directory, and removes both.
    """
    settings = settings_of(context, config, state)
    refuse_read_only(settings, "test transports with")
    walk = _Walk(node)
    steps = walk.steps(fleet_access(settings), tuple(transport or ()), tuple(check or ()))
    asyncio.run(output.json_array(walk.objects(steps)) if json_output else _show_all(steps))
    if walk.lost is not None:
        raise walk.lost
    count = walk.count
    if not json_output:
        output.text(", ".join(f"{count[ended]} {ended}" for ended in ("passed", "failed", "not applicable")))
    return ExitCode.BAD_ANSWER if count["failed"] else ExitCode.DONE


class _Walk:
    """The checks with one node: what they came to, and why they ended early if they did."""

    def __init__(self, node: str) -> None:
        self.count: Counter[str] = Counter()
        self.lost: SyncdeckError | None = None
        self._node = node
        self._running: tuple[Transport, str] | None = None

    async def steps(
        self, access: FleetAccess, wanted: tuple[Transport, ...], checks: tuple[str, ...]
    ) -> AsyncIterator[Step]:
        """Yield each check as it ends. A node that is lost ends it, and ``lost`` says why; raises what else fails."""
        from engine.transport.conformance.tour import tour

        here, there = _ends(access, self._node)
        seed = int.from_bytes(secrets.token_bytes(SEED_BYTES), "big")
        clock = SystemClock()
        try:
            async with aclosing(
                tour(here, there, access.ssh, access.policy, wanted, clock, seed, self._began, checks)
            ) as running:
                async for step in running:
                    output.passing()
                    self.count[step.result.verdict.value] += 1
                    yield step
        except NodeUnreachable as lost:
            self.lost = _of_one_walk(lost, self._node)
        finally:
            output.passing()

    async def objects(self, steps: AsyncIterator[Step]) -> AsyncIterator[dict[str, Any]]:
        """Yield the JSON of each check; the last one says of a node that it was lost."""
        async for step in steps:
            yield _as_json(step)
        if self.lost is not None:
            yield self._lost_as_json(self.lost)

    def _began(self, transport: Transport, direction: str, check: str) -> None:
        self._running = transport, direction
        ended = f"{self.count.total()} done, {self.count['failed']} failed"
        output.passing(f"{transport.value} {direction} {check} ... ({ended})")

    def _lost_as_json(self, lost: SyncdeckError) -> dict[str, Any]:
        transport, direction = self._running or (None, None)
        return {
            "node": self._node,
            "transport": None if transport is None else transport.value,
            "direction": direction,
            "check": REACH,
            "promise": "the node stays in reach",
            "result": "failed",
            "detail": "",
            "cause": lost.cause,
            "remedy": lost.remedy,
            "seconds": 0.0,
            "bytes_per_second": None,
        }


def _of_one_walk(lost: NodeUnreachable, node: str) -> NodeUnreachable:
    """Nothing walks again by itself, as transfers do."""
    if lost.state != NodeState.LOST:
        return lost
    remedy = f"`syncdeck nodes test {node}` tells when it answers again; then try its transports again"
    return NodeUnreachable(lost.operation, lost.subject, lost.cause, remedy, lost.error_class, lost.state)


async def _show_all(steps: AsyncIterator[Step]) -> None:
    async for step in steps:
        _show(step)


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
