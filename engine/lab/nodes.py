"""Which nodes a lab has and how they live together in processes. Pure data."""

from __future__ import annotations

from dataclasses import dataclass

COORDINATOR = "lab-coordinator"
MINIMUM_NODES = 6
DEFAULT_NODES = 7
NODES_PER_MACHINE = 8


@dataclass(frozen=True, slots=True)
class LabNode:
    """One host of the lab's configuration file and what goes on there.

    ``selfplay`` are the config keys whose games are played there, ``trains`` those whose NPZ and models are made there.
    ``enrolled`` False leaves its host key out of known_hosts, as with a box rented today. ``dies`` marks the
    one that is lost while the operator looks on; ``torn_export`` the one where an interrupted NPZ export lies about.
    """

    node_id: str
    role: str
    gpu: str | None
    region: str | None = None
    selfplay: tuple[str, ...] = ()
    trains: tuple[str, ...] = ()
    ephemeral: bool = False
    training: bool = False
    excluded: bool = False
    enrolled: bool = True
    dies: bool = False
    torn_export: bool = False


_FIRST_NODES = (
    LabNode("lambda-gh200-1", "gpu_training_primary", "GH200 (96 GB)", "us-east", trains=("hex8_2p",), training=True),
    LabNode(
        "nebius-h100-1",
        "gpu_training_primary",
        "H100 SXM",
        "eu-north1",
        trains=("square8_2p",),
        training=True,
        torn_export=True,
    ),
    LabNode("vast-4090-1", "gpu_selfplay", "RTX 4090", selfplay=("hex8_2p", "hex8_4p"), ephemeral=True, dies=True),
    LabNode("vast-5090-2", "gpu_selfplay", "2x RTX 5090", selfplay=("square8_2p", "square19_2p"), ephemeral=True),
    LabNode("hetzner-cpu1", "cpu_selfplay", None, "eu-central", selfplay=("hex8_3p",), excluded=True),
    LabNode("vultr-a100-1", "gpu_selfplay", "A100D-20C (vGPU)", "us-east", selfplay=("hexagonal_2p",)),
    LabNode("lambda-gh200-2", "gpu_selfplay_primary", "GH200 (96 GB)", "us-east", enrolled=False),
)

_COORDINATOR_NODE = LabNode(COORDINATOR, "coordinator", None, "eu-central")


def lab_nodes(count: int) -> tuple[LabNode, ...]:
    """Return the coordinator (the engine's own node) and ``count`` nodes that are reached over SSH.

    Raises ValueError below the six that make the lab show what syncdeck is for.
    """
    if count < MINIMUM_NODES:
        raise ValueError(f"a lab has at least {MINIMUM_NODES} nodes, not {count}")
    more = tuple(
        LabNode(f"vultr-a100-{number}", "gpu_selfplay", "A100 (20 GB)", "us-west", selfplay=("square19_3p",))
        for number in range(2, 2 + count - len(_FIRST_NODES))
    )
    return (_COORDINATOR_NODE, *_FIRST_NODES[:count], *more)


def machines(nodes: tuple[LabNode, ...]) -> tuple[tuple[LabNode, ...], ...]:
    """Return the nodes grouped by process: an ephemeral one alone, so that it can be lost; the others together."""
    alone = [(node,) for node in nodes if node.ephemeral]
    stable = [node for node in nodes if not node.ephemeral]
    together = [tuple(stable[at : at + NODES_PER_MACHINE]) for at in range(0, len(stable), NODES_PER_MACHINE)]
    return (*together, *alone)
