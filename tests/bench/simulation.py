"""A rule tried on a large catalog: the users' 42 hosts, 100,000 entries (at full scale) with three copies each."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from pathlib import Path

from config.editing.rules import RuleEdit, apply_rule_edit
from config.load import load, load_text
from engine.inventory.fleet import Fleet, LocationStatus, NodeStatus
from engine.model import LocationState, NodeState
from engine.planner.context import PlanContext
from engine.routing.candidates import RoutingTable
from engine.routing.simulate import Simulation
from engine.routing.simulate_image import CatalogImage
from tests.bench.report import Row, figure

FLEET = Path(__file__).parent.parent / "config" / "data" / "fleet_42_hosts.yaml"
ENTRIES = 100_000
DRAFTS = {
    "one config key elsewhere": "name: draft\nmatch: {config_key: hex8_*}\nplace: [{selector: durable, copies: 2}]",
    "a fifth copy of everything": "name: draft\nplace: [{selector: durable, copies: 5}]",
    "models to all GPUs": "name: draft\nmatch: {data_type: models}\nplace: [gpu]",
}


async def run(folder: Path, runs: int, scale: float) -> list[Row]:
    """Return the median of the time from a draft to its effects, the catalog being in memory."""
    count = round(ENTRIES * scale)
    text = FLEET.read_text()
    old = load(FLEET).policy
    fleet = Fleet(old, "mac-studio")
    for node in old.nodes:
        if fleet.uses(node):
            fleet.nodes[node] = NodeStatus(NodeState.UP)
    for root in fleet.roots():
        fleet.locations[root.location] = LocationStatus(LocationState.AVAILABLE, "", 4 * 10**12, 10**12, 0.0)
    image = catalog(old, count)
    rows = []
    for name, yaml in DRAFTS.items():
        new = load_text(apply_rule_edit(text, RuleEdit(yaml)), str(FLEET)).policy
        context = PlanContext(old, fleet.location_views(), time.time())
        seconds = []
        for _ in range(runs):
            started = time.thread_time()
            simulation = Simulation(image, context, replace(context, policy=new))
            assert simulation.groups() == ()
            view = simulation.view(0.0)
            seconds.append(time.thread_time() - started)
        assert view.entries == count
        rows.append(figure(f"rule tried on {count:,} entries: {name}", seconds, "s"))
    return rows


def catalog(policy: object, count: int, seed: int = 1) -> CatalogImage:
    """Return an image of entries with three copies each, where the rules of a policy may have put them."""
    source = random.Random(seed)
    table = RoutingTable(policy)  # type: ignore[arg-type]
    places = {kind: sorted(c.location for c in table.candidates(kind)) for kind in ("npz", "models", "checkpoint")}  # type: ignore[index]
    names = sorted({place for found in places.values() for place in found})
    numbers = {name: number for number, name in enumerate(names, start=1)}
    sets = {kind: [source.sample(found, min(3, len(found))) for _ in range(60)] for kind, found in places.items()}
    rows = []
    for row_id in range(1, count + 1):
        kind = source.choice(("npz", "npz", "models", "checkpoint"))
        config = f"{source.choice(('hex8', 'square8', 'square19', 'hexagonal'))}_{source.randint(2, 4)}p"
        held = ",".join(str(numbers[place]) for place in source.choice(sets[kind]))
        size, mtime = source.randint(10**4, 10**8), 1.7e9 + row_id
        rows.append((row_id, f"{kind}:run_{row_id}/{config}.bin", kind, "", config, size, mtime, held, 0))
    image = CatalogImage()
    image.put(rows, {number: name for name, number in numbers.items()})
    return image
