"""Old data goes, is taken back and is restored elsewhere by keys alone: a console on a real engine over real nodes."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from app.console.app import SyncdeckApp
from app.console.modals.archive import ArchivePreviewScreen, RestoreScreen
from app.console.modals.confirm import ConfirmScreen
from engine.clock import SystemClock
from tests.archive.test_archive_served import EXTRA, Served, serving
from tests.execution.data import make_database, read_copy
from tests.fleet import Fleet

OLD_SECONDS = 60 * 86_400


def screen_text(pilot: Pilot[int]) -> str:
    """Return the characters on the terminal, one line each."""
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


class Operator:
    """Presses keys, and waits until something is to be read."""

    def __init__(self, pilot: Pilot[int], served: Served) -> None:
        self.pilot = pilot
        self.served = served

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def reads(self, *words: str) -> None:
        """Return when all words stand on one line of the screen."""

        async def there() -> bool:
            await self.pilot.pause()
            lines = screen_text(self.pilot).splitlines()
            return any(all(word in line for word in words) for line in lines)

        try:
            await self.served.until(there)
        except TimeoutError:
            raise AssertionError(f"{words} were not to be read on\n{screen_text(self.pilot)}") from None


@asynccontextmanager
async def operating(fleet: Fleet, state: Path) -> AsyncIterator[Operator]:
    async with serving(fleet.write_hosts(extra=EXTRA), state) as served:
        app = SyncdeckApp(served.client, SystemClock(), list_seconds=0.0)
        async with app.run_test(size=(120, 40)) as pilot:
            yield Operator(pilot, served)


async def test_old_data_is_archived_taken_back_and_restored_elsewhere_by_keys(fleet: Fleet, tmp_path: Path) -> None:
    file = fleet["node-2"].games / "old.db"
    make_database(file, 500, "delete")
    long_ago = time.time() - OLD_SECONDS
    os.utime(file, (long_ago, long_ago))
    async with operating(fleet, tmp_path / "state") as operator:
        await operator.press("5")
        await operator.reads("✓ yes", "old.db", "age: written 60")

        await operator.press("space", "a")
        assert isinstance(operator.pilot.app.screen, ArchivePreviewScreen)
        await operator.reads("archives", "1 file")
        await operator.reads("originals", "deleted, each only once its archive is read back and proved")
        await operator.press("enter")
        assert file.exists() and (await operator.served.client.archives(0, 1)).total == 0

        await operator.press("a")
        await operator.reads("originals", "deleted")
        await operator.press("right", "right", "enter")
        await operator.reads("✓ verified", "old.db", "deleted")
        assert not file.exists()

        await operator.press("u")
        assert isinstance(operator.pilot.app.screen, ConfirmScreen)
        await operator.press("right", "enter")
        await operator.reads("✓ verified", "old.db", "kept")
        assert hashlib.sha256(file.read_bytes()).hexdigest() == (await operator.served.row()).sha256
        assert read_copy(file) == ("ok", 500)

        await operator.press("tab", "R")
        assert isinstance(operator.pilot.app.screen, RestoreScreen)
        await operator.press("up", "up", *"node-1", "enter")
        restored = fleet["node-1"].games / "synced" / "node-2" / "old.db"

        async def back() -> bool:
            await operator.pilot.pause()
            return restored.exists()

        await operator.served.until(back)
        assert read_copy(restored) == ("ok", 500)
        audited = await operator.served.audit("archive", "delete", "restore")
        assert [action for action, *_ in audited] == ["restore", "delete", "archive"]
