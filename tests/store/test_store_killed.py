"""kill -9 in the middle of writing: what was acknowledged is there, and the file is sound."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from engine.store.schema import meta
from engine.store.store import Store


def write_until_killed(path: Path, repository: Path, wanted: int) -> set[str]:
    """Let another process write, kill it after it told of ``wanted`` rows, return what it acknowledged."""
    script = Path(__file__).with_name("store_writer_process.py")
    process = subprocess.Popen(
        [sys.executable, str(script), str(path)],
        env={**os.environ, "PYTHONPATH": str(repository)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    acknowledged: list[str] = []
    try:
        for line in process.stdout:
            acknowledged.append(line.strip())
            if len(acknowledged) >= wanted:
                break
    finally:
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
    # A last line may have been cut; whole ones were acknowledged.
    return {*acknowledged, *(line for line in rest.split("\n")[:-1] if line)}


@pytest.mark.parametrize("seed", [11, 12, 13])
async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, repository: Path, seed: int) -> None:
    path = tmp_path / "state.db"
    wanted = random.Random(seed).randrange(40, 400)
    acknowledged = await asyncio.to_thread(write_until_killed, path, repository, wanted)
    store = await Store.open(path)
    kept = set(await store.query(lambda c: c.execute(select(meta.c.name)).scalars().all()))
    await store.close()
    assert acknowledged <= kept
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
