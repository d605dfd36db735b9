"""Writes rows until it is killed, and tells the number of each one that was committed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.store.schema import meta
from engine.store.store import Store


async def main(path: Path) -> None:
    store = await Store.open(path)

    async def write(number: int) -> None:
        async def unit(connection: AsyncConnection) -> None:
            await connection.execute(insert(meta).values(name=f"{number}", value="x" * 500))

        await store.write(unit)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()

    number = 0
    while True:
        await asyncio.gather(*(write(number + step) for step in range(8)))
        number += 8


asyncio.run(main(Path(sys.argv[1])))
