"""The process that is the work on a machine's nodes: selfplay, exports and training, at a laptop's pace.

Started with the path of a JSON description (a list of ``WriterSpec``). Waits on its standard input, which is a liveness
pipe: when the machine that started it ends, so does it. Standard library only, seeded randomness.
"""

from __future__ import annotations

import json
import os
import random
import select
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.lab.artifacts import model_bytes, npz_bytes, place
from engine.lab.games import GameDatabase, json_line, play, pull_paths

GAMES_AT_START = 240
MOST_GAMES = 40_000  # bounds what a lab left running over night takes
GAMES_PER_PULL = 60
MOST_PULLS = 60
MOST_CHECKPOINTS = 12


@dataclass(frozen=True, slots=True)
class WriterSpec:
    """What is written on one node; ``root`` is the folder that holds its data/ and models/."""

    node_id: str
    root: Path
    selfplay: tuple[str, ...]
    trains: tuple[str, ...]
    torn_export: bool
    seed: int


def dump(specs: list[WriterSpec]) -> str:
    """Return descriptions as text for the writers' process."""
    return json.dumps([asdict(spec) for spec in specs], default=str, indent=1)


def parse(text: str) -> list[WriterSpec]:
    """Return what ``dump`` described."""
    return [
        WriterSpec(
            raw["node_id"],
            Path(raw["root"]),
            tuple(raw["selfplay"]),
            tuple(raw["trains"]),
            bool(raw["torn_export"]),
            int(raw["seed"]),
        )
        for raw in json.loads(text)
    ]


@dataclass(slots=True)
class _Task:
    """Something done again and again; ``act`` returns after how many seconds, or None for never again."""

    due: float
    act: Callable[[], float | None]


def _selfplay(spec: WriterSpec, config_key: str, now: Callable[[], float]) -> Callable[[], float | None]:
    """Return a writer of one games database, which holds some games before it returns."""
    chance = random.Random(f"{spec.seed}:{spec.node_id}:{config_key}")
    path = spec.root / "data" / "games" / f"selfplay_{config_key}.db"
    database = GameDatabase(path)
    count = database.count
    while count < GAMES_AT_START:
        database.add(play(config_key, count, spec.node_id, chance, now()))
        count += 1
    lock = path.with_name(path.name + ".writing")

    def act() -> float | None:
        nonlocal count
        if count >= MOST_GAMES:
            lock.unlink(missing_ok=True)
            return None
        lock.touch()  # selfplay marks the databases that it has open like this
        database.add(play(config_key, count, spec.node_id, chance, now()))
        count += 1
        return chance.uniform(0.5, 2.0)

    return act


def _gpu_selfplay(spec: WriterSpec, config_key: str, now: Callable[[], float]) -> Callable[[], float | None]:
    """Return a writer of JSONL files, a new one whenever the last is full."""
    chance = random.Random(f"{spec.seed}:{spec.node_id}:{config_key}:gpu")
    paths = pull_paths(spec.root, config_key, chance)
    path = next(paths)
    written = pulls = 0

    def act() -> float | None:
        nonlocal path, written, pulls
        if written == GAMES_PER_PULL:
            path, written, pulls = next(paths), 0, pulls + 1
        if pulls == MOST_PULLS:
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as lines:
            lines.write(json_line(play(config_key, written, spec.node_id, chance, now())))
        written += 1
        return chance.uniform(0.5, 1.5)

    return act


def _exports(spec: WriterSpec, config_key: str) -> Callable[[], float | None]:
    """Return a writer of training sets that grow from export to export."""
    chance = random.Random(f"{spec.seed}:{spec.node_id}:{config_key}:npz")
    samples = 320

    def act() -> float | None:
        nonlocal samples
        samples = min(samples + 32, 4_096)
        place(spec.root / "data" / "training" / f"{config_key}.npz", npz_bytes(samples, chance))
        return chance.uniform(50.0, 80.0)

    return act


def _training(spec: WriterSpec, config_key: str) -> Callable[[], float | None]:
    """Return a writer of models: a checkpoint per epoch, and now and then a new canonical model."""
    chance = random.Random(f"{spec.seed}:{spec.node_id}:{config_key}:model")
    models = spec.root / "models"
    epoch = 0

    def act() -> float | None:
        nonlocal epoch
        data = model_bytes(4_000_000, epoch, chance)
        if epoch % 3 == 0:
            place(models / f"canonical_{config_key}.pth", data)
            _link(models / f"ringrift_best_{config_key}.pth", f"canonical_{config_key}.pth")
        place(models / f"checkpoint_{config_key}_epoch{epoch % MOST_CHECKPOINTS}.pth", data)
        epoch += 1
        return chance.uniform(40.0, 70.0)

    return act


def _link(link: Path, target: str) -> None:
    if not link.is_symlink():
        link.symlink_to(target)


def _torn_export(spec: WriterSpec) -> Callable[[], float | None]:
    """Return an export that was interrupted half-way, as the users have met: something for the operator to settle."""
    chance = random.Random(f"{spec.seed}:{spec.node_id}:torn")

    def act() -> float | None:
        data = npz_bytes(200, chance)
        place(spec.root / "data" / "training" / "hexagonal_2p_20260101.npz", data[: len(data) // 2])
        return None

    return act


def tasks_of(spec: WriterSpec, start: float, now: Callable[[], float]) -> list[_Task]:
    """Return what happens on a node, with its first games on disk already."""
    tasks = [_Task(start, _selfplay(spec, config_key, now)) for config_key in spec.selfplay]
    tasks += [_Task(start, _gpu_selfplay(spec, config_key, now)) for config_key in spec.selfplay[:1]]
    for config_key in spec.trains:
        tasks += [_Task(start, _exports(spec, config_key)), _Task(start, _training(spec, config_key))]
    if spec.torn_export:
        tasks.append(_Task(start, _torn_export(spec)))
    return tasks


def run(specs: list[WriterSpec], alive: int, now: Callable[[], float], monotonic: Callable[[], float]) -> None:
    """Do what is due, until ``alive`` (a file descriptor) ends. Raises what the disk raises."""
    tasks = [task for spec in specs for task in tasks_of(spec, monotonic(), now)]
    while True:
        due = min((task.due for task in tasks), default=None)
        wait = None if due is None else max(0.0, due - monotonic())
        readable, _, _ = select.select([alive], [], [], wait)
        if readable and not os.read(alive, 4096):
            return
        for task in [task for task in tasks if task.due <= monotonic()]:
            after = task.act()
            if after is None:
                tasks.remove(task)
            else:
                task.due = monotonic() + after


def main() -> None:
    """Write for the nodes that the file named on the command line describes."""
    run(parse(Path(sys.argv[1]).read_text(encoding="utf-8")), 0, time.time, time.monotonic)


if __name__ == "__main__":
    main()
