"""A rule tried on a large catalog: the users' 42 hosts, 100,000 and a million entries with three copies each."""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil

from config.editing.rules import RuleEdit, apply_rule_edit
from config.load import load, load_text
from config.types import DataType, Policy
from engine.catalog.outlines import Outline
from engine.collecting import Collector
from engine.inventory.fleet import Fleet, LocationStatus, NodeStatus
from engine.model import LocationState, NodeState
from engine.planner.context import PlanContext
from engine.routing.candidates import RoutingTable
from engine.routing.simulation.image import CatalogImage
from engine.routing.simulation.memory import Remembered
from engine.routing.simulation.simulation import Simulation
from engine.rules.trial import PAGE_ROWS
from engine.turns import Breather, let_threads_switch_soon
from tests.bench.engine_child import LagMeter
from tests.bench.memory import PeakMemory
from tests.bench.report import Row, figure

FLEET = Path(__file__).parent.parent / "config" / "data" / "fleet_42_hosts.yaml"
ENTRIES = (100_000, 1_000_000)
KINDS = ("npz", "models", "checkpoint")
DRAFTS = {
    "one config key elsewhere": "name: draft\nmatch: {config_key: hex8_*}\nplace: [{selector: durable, copies: 2}]",
    "a fifth copy of everything": "name: draft\nplace: [{selector: durable, copies: 5}]",
    "models to all GPUs": "name: draft\nmatch: {data_type: models}\nplace: [gpu]",
}


async def run(folder: Path, runs: int, scale: float) -> list[Row]:
    """Return the rows: processor time from a draft to its effects, the catalog being in memory; and what else it costs.

    ``asked again``: the same draft once more, as after a keystroke that changes little.
    """
    rows: list[Row] = []
    collector = Collector(lambda: False)  # As in the engine.
    collector.start()
    let_threads_switch_soon()  # As in the engine, too.
    try:
        for entries in ENTRIES:
            rows += await _measure("", catalog, round(entries * scale), runs)
        for label, made in (("scattered ", scattered), ("unhashed ", partial(scattered, hashed=False))):
            rows += await _measure(label, made, round(ENTRIES[0] * scale), runs)
    finally:
        collector.stop()
    return rows


async def _measure(label: str, made: Callable[[Policy, int], CatalogImage], count: int, runs: int) -> list[Row]:
    old = load(FLEET).policy
    gc.collect()
    before = psutil.Process().memory_info().rss
    image = await asyncio.to_thread(made, old, count)
    context = PlanContext(old, _fleet(old).location_views(), time.time())
    text = FLEET.read_text()
    tried = {name: load_text(apply_rule_edit(text, RuleEdit(yaml)), str(FLEET)).policy for name, yaml in DRAFTS.items()}
    rows, label = [], f"tried on {count:,} {label}entries"
    meter = LagMeter(time.process_time)
    metering = asyncio.get_running_loop().create_task(meter.run())
    with PeakMemory(descendants=False) as peak:
        for name, new in tried.items():
            times = [await asyncio.to_thread(_try, image, context, replace(context, policy=new)) for _ in range(runs)]
            rows.append(figure(f"rule {label}: {name}", [first for first, _ in times], "s"))
            rows.append(figure(f"rule {label}: {name}, asked again", [second for _, second in times], "s"))
    metering.cancel()
    memory = (peak.bytes - before) / 2**20
    return [
        *rows,
        figure(f"rules {label}: longest hold-up of the loop, own work", [1000 * meter.own_worst], "ms"),
        figure(f"rules {label}: memory, catalog included", [memory], "MiB"),
    ]


def _try(image: CatalogImage, old: PlanContext, new: PlanContext) -> tuple[float, float]:
    """Return the seconds of processor time of a draft when nothing is known of it, and when it was tried before."""
    remembered = Remembered()
    seconds = []
    for _ in range(2):
        started = time.thread_time()
        simulation = Simulation(image, old, new, Breather(), remembered)
        assert simulation.groups() == ()
        view = simulation.view(0.0)
        seconds.append(time.thread_time() - started)
        assert view.entries == image.count
        simulation.forget(Breather())
    return seconds[0], seconds[1]


def _fleet(policy: Policy) -> Fleet:
    fleet = Fleet(policy, "mac-studio")
    for node in policy.nodes:
        if fleet.uses(node):
            fleet.nodes[node] = NodeStatus(NodeState.UP)
    for root in fleet.roots():
        fleet.locations[root.location] = LocationStatus(LocationState.AVAILABLE, "", 4 * 10**12, 10**12, 0.0)
    return fleet


def catalog(policy: Policy, count: int, seed: int = 1) -> CatalogImage:
    """Return an image of entries with three copies each, where the rules of a policy may have put them."""
    source = random.Random(seed)
    table = RoutingTable(policy)
    places = {kind: sorted(c.location for c in table.candidates(DataType(kind))) for kind in KINDS}
    names = sorted({place for found in places.values() for place in found})
    numbers = {name: number for number, name in enumerate(names, start=1)}
    sets = {kind: [source.sample(found, min(3, len(found))) for _ in range(60)] for kind, found in places.items()}
    image = CatalogImage()
    rows: list[Outline] = []
    for row_id in range(1, count + 1):
        kind = source.choice(("npz", "npz", "models", "checkpoint"))
        config = f"{source.choice(('hex8', 'square8', 'square19', 'hexagonal'))}_{source.randint(2, 4)}p"
        held = ",".join(str(numbers[place]) for place in source.choice(sets[kind]))
        size, mtime = source.randint(10**4, 10**8), 1.7e9 + row_id
        rows.append((row_id, f"{kind}:run_{row_id}/{config}.bin", kind, "", config, size, mtime, held, 0, None, row_id))
        if len(rows) == PAGE_ROWS or row_id == count:
            image.put(rows, {number: name for name, number in numbers.items()})
            rows = []
    return image


def scattered(policy: Policy, count: int, seed: int = 3, hashed: bool = True) -> CatalogImage:
    """Return an image of entries of many config keys, origins and sizes, of which no two need be in the same places."""
    source = random.Random(seed)
    table = RoutingTable(policy)
    places = {kind: sorted(c.location for c in table.candidates(kind)) for kind in DataType}
    names = sorted({*policy.nodes, *(place for found in places.values() for place in found)})
    numbers = {name: number for number, name in enumerate(names, start=1)}
    origins = sorted(policy.nodes)
    image = CatalogImage()
    rows: list[Outline] = []
    for row_id in range(1, count + 1):
        kind = source.choice(list(DataType))
        origin = source.choice(origins) if kind is DataType.GAMES else ""
        config = f"b{source.randint(0, 400)}_{source.randint(2, 4)}p"
        held = source.sample(places[kind], min(source.randint(1, 4), len(places[kind])))
        held += [origin] if origin and origin not in held else []
        key = f"{kind.value}:run_{row_id}/{config}.bin" + (f"@{origin}" if origin else "")
        size, stored = int(10 ** source.uniform(3, 10.5)), [numbers[place] for place in held]
        newest = None if hashed else stored[0]
        written = ",".join(map(str, stored))
        content = row_id if hashed else 0
        rows.append((row_id, key, kind.value, origin, config, size, 1.7e9 + row_id, written, 0, newest, content))
        if len(rows) == PAGE_ROWS or row_id == count:
            image.put(rows, {number: name for name, number in numbers.items()})
            rows = []
    return image
