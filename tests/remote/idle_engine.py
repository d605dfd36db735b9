"""An engine that carried one batch and waits, to be killed: ``python -m tests.remote.idle_engine JSON``."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from config.types import Address
from engine.model import FileKind, FileStat
from engine.remote.batch import run_batch
from engine.remote.batch_types import BatchFile, BatchJob
from engine.remote.pool import SessionPool
from engine.remote.types import Endpoint, SshOptions, StreamOutcome
from engine.transport.rates import RateCap


async def main(told: dict[str, Any]) -> None:
    """Bring one file from the first to the second node, say so, and keep everything open."""
    source, target = (
        Endpoint(node["name"], False, (Address("127.0.0.1", node["port"]),), told["user"], told["identity"])
        for node in told["nodes"]
    )
    options = SshOptions(control_dir=Path(told["control"]), known_hosts=told["known_hosts"])
    pool = SessionPool({source.node_id: source, target.node_id: target}.__getitem__, options)
    await asyncio.gather(pool.get(source.node_id), pool.get(target.node_id))
    stat = FileStat(*told["stat"])
    file = BatchFile(told["path"], told["temp_path"], "", FileKind.PLAIN, stat, check_source=False)
    job = BatchJob((file,), RateCap(), "binary", 60.0)
    (result,) = await run_batch(source, target, job, options, lambda number, done, wire: None, pool.links)
    assert isinstance(result, StreamOutcome) and len(pool.links.idle) == 1
    print("idle", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
