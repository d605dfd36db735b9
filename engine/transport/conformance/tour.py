"""The checks on an operator's own node: every transport that serves, to the node and back, in folders of ours."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from config.types import Policy
from engine.clock import Clock
from engine.errors import ErrorClass, SyncdeckError
from engine.model import Transport
from engine.remote.pool import SessionPool
from engine.remote.types import Endpoint, SshOptions
from engine.transport.conformance.bench import Bench
from engine.transport.conformance.check import CheckResult, Verdict
from engine.transport.conformance.place import Place
from engine.transport.conformance.scratch import scratch_folder
from engine.transport.conformance.speed import NAME as SPEED
from engine.transport.conformance.speed import measure
from engine.transport.conformance.suite import ALL, by_name, run_check
from engine.transport.registry import build_transports
from engine.transport.serving import NodeDataServers
from engine.transport.types import TransportAdapter
from engine.words import size_text

NEEDED_BYTES = 500_000_000
"""What must be free on either end before anything is written: no disk is filled for a test."""
SERVES = "serves"


@dataclass(frozen=True, slots=True)
class End:
    """One end of the tour: a node, and the folder below which the scratch folder is made."""

    endpoint: Endpoint
    root: str


@dataclass(frozen=True, slots=True)
class Step:
    """One check of one transport in one direction (``put`` to the node, ``get`` from it)."""

    node: str
    transport: Transport
    direction: str
    result: CheckResult


Began = Callable[[Transport, str, str], None]
"""Called with (transport, direction, check) when a check begins."""


async def tour(
    here: End,
    node: End,
    options: SshOptions,
    policy: Policy,
    wanted: Sequence[Transport],
    clock: Clock,
    seed: int,
    began: Began,
    checks: Sequence[str] = (),
) -> AsyncGenerator[Step, None]:
    """Yield each check as it ends; ``wanted`` empty means every transport that is built, ``checks`` empty all checks.

    Both scratch folders go when the iterator is closed. Raises NodeUnreachable when the node cannot be reached or is
    lost, SyncdeckError when a folder cannot be made, has no room, or what is wanted does not exist.
    """
    tried = _tried(checks)
    endpoints = {end.endpoint.node_id: end.endpoint for end in (here, node)}
    async with AsyncExitStack() as stack:
        pool = SessionPool(endpoints.__getitem__, options)
        stack.push_async_callback(pool.close)
        servers = NodeDataServers(pool.get, options, pool.links, lambda: policy, clock)
        stack.push_async_callback(servers.close)
        adapters = build_transports(pool.get, options, pool.links, clock, servers)
        chosen = _chosen(adapters, wanted)
        near = await stack.enter_async_context(scratch_folder(here.endpoint, here.root, options, pool.links))
        far = await stack.enter_async_context(scratch_folder(node.endpoint, node.root, options, pool.links))
        for place in (near, far):
            _ensure_room(place)
        for adapter in chosen:
            for direction, source, target in (("put", near, far), ("get", far, near)):
                others = await _others(adapter, adapters, source, target)
                bench = Bench(adapter, source, target, pool.get, random.Random(seed), others)
                async for result in _results(bench, clock, tried, partial(began, adapter.name, direction)):
                    yield Step(node.endpoint.node_id, adapter.name, direction, result)


def _chosen(adapters: Sequence[TransportAdapter], wanted: Sequence[Transport]) -> list[TransportAdapter]:
    built = {adapter.name: adapter for adapter in adapters}
    for name in wanted:
        if name not in built:
            known = ", ".join(sorted(name.value for name in built))
            raise SyncdeckError("test", name.value, "this transport is not built", f"name one of {known}",
                                ErrorClass.CONFIG)  # fmt: skip
    return [built[name] for name in wanted] if wanted else list(adapters)


def _tried(names: Sequence[str]) -> list[str]:
    known = [check.name for check in ALL if not check.long] + [SPEED]
    for name in names:
        if name not in known:
            raise SyncdeckError("test", name, "there is no such check", f"name one of {', '.join(known)}",
                                ErrorClass.CONFIG)  # fmt: skip
    return [name for name in known if not names or name in names]


def _ensure_room(place: Place) -> None:
    if place.free_bytes < NEEDED_BYTES:
        raise SyncdeckError(
            "test transports with",
            place.endpoint.node_id,
            f"{size_text(place.free_bytes)} are free there, and {size_text(NEEDED_BYTES)} are needed",
            "free some space; no disk is filled for a test",
            ErrorClass.NO_SPACE,
        )


async def _others(
    adapter: TransportAdapter, adapters: Sequence[TransportAdapter], source: Place, target: Place
) -> list[TransportAdapter]:
    """Return the other transports that serve this pair, for the check of falling back."""
    return [
        other
        for other in adapters
        if other is not adapter and await other.unusable(source.endpoint, target.endpoint) is None
    ]


async def _results(
    bench: Bench, clock: Clock, tried: Sequence[str], began: Callable[[str], None]
) -> AsyncIterator[CheckResult]:
    began(SERVES)
    reason = await bench.adapter.unusable(bench.source.endpoint, bench.target.endpoint)
    if reason is not None:
        yield CheckResult(SERVES, "it serves this pair of nodes", Verdict.NOT_APPLICABLE, 0.0, cause=reason)
        return
    for name in tried:
        began(name)
        yield await measure(bench, clock) if name == SPEED else await run_check(bench, by_name(name), clock)
