"""What was done, by whom and to what: written down by the engine and by commands, and shown as one list."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli import audit
from engine.catalog.catalog import DataCatalog
from engine.clock import ManualClock
from engine.data_plane import UnifiedDataPlane
from engine.identity import user_name
from engine.store.peek import STORE_NAME
from engine.store.store import Store
from engine.views import SyncRequest
from engine.views_bandwidth import BandwidthChange
from tests.cli.conftest import Answer

HOSTS = """data_plane: {node_id: hub}
hosts:
  hub: {status: ready, ssh_host: 127.0.0.1, ringrift_path: /nowhere, role: coordinator}
  vast-1: {status: ready, ssh_host: 198.51.100.7, ringrift_path: /nowhere, role: gpu_selfplay}
"""


async def _engines_log(state: Path, clock: ManualClock) -> None:
    store = await Store.open(state / STORE_NAME)
    catalog = DataCatalog(store, clock)
    await catalog.audit("ann", "drain", "vast-1", "3 files only there")
    clock.advance(60)
    await catalog.audit("ann", "cancel", "transfers 4, 5", "2 of 2")
    await store.close()


def test_both_logs_are_one_list_with_the_newest_first(tmp_path: Path, syncdeck: Callable[..., Answer]) -> None:
    clock = ManualClock()
    asyncio.run(_engines_log(tmp_path, clock))
    clock.advance(-30)
    audit.record(tmp_path, clock, "enrol", "vast-2", {"trusted": "SHA256:x"})
    with (tmp_path / audit.FILE).open("a") as file:
        file.write('{"at": 12, "wh')
    answer = syncdeck("audit", "--state", tmp_path, "--json")
    acts = json.loads(answer.out)
    assert [(act["action"], act["subject"], act["log"]) for act in acts] == [
        ("cancel", "transfers 4, 5", "engine"),
        ("enrol", "vast-2", "command"),
        ("drain", "vast-1", "engine"),
    ]
    assert set(acts[0]) == {"at", "who", "action", "subject", "detail", "log", "more"}
    assert acts[1]["more"] == {"trusted": "SHA256:x"} and acts[1]["who"] == user_name()
    assert "1 line of audit.jsonl cannot be read" in answer.err
    (newest,) = json.loads(syncdeck("audit", "--state", tmp_path, "--json", "--limit", 1).out)
    assert newest["action"] == "cancel"
    shown = syncdeck("audit", "--state", tmp_path).out
    assert "trusted: SHA256:x" in shown and "ON" in shown.splitlines()[0]


def test_where_nothing_was_done_the_list_is_empty(tmp_path: Path, syncdeck: Callable[..., Answer]) -> None:
    answer = syncdeck("audit", "--state", tmp_path / "none", "--json")
    assert (answer.code, json.loads(answer.out)) == (0, [])


async def test_every_act_names_what_it_was_done_to(tmp_path: Path) -> None:
    (tmp_path / "hosts.yaml").write_text(HOSTS)
    engine = UnifiedDataPlane(tmp_path / "hosts.yaml", tmp_path, ManualClock(), "embedded", False)
    await engine.open_offline()
    try:
        await engine.pause()
        await engine.pause(("vast-1",))
        await engine.resume()
        await engine.sync(SyncRequest(data_type="npz", config_key="hex8_2p", targets=("vast-1",)))
        await engine.cancel((7, 9))
        await engine.pause_transfers((7,))
        await engine.set_bandwidth(BandwidthChange("vast-1", 1_000_000))
        await engine.reset_transports(("vast-1",))
        await engine.archive_cancel((3,))
        await engine.disk_allow("vast-1", 90.0, 60.0)
        await engine.drain("vast-1")
        log = await engine._need().catalog.audit_log()
    finally:
        await engine.close()
    assert [(act.action, act.subject) for act in reversed(log)] == [
        ("pause", "everything"),
        ("pause", "vast-1"),
        ("go", str(tmp_path / "hosts.yaml")),
        ("resume", "everything"),
        ("sync", "npz hex8_2p to vast-1"),
        ("cancel", "transfers 7, 9"),
        ("pause", "transfer 7"),
        ("bandwidth", "vast-1"),
        ("transports reset", "vast-1"),
        ("archive cancel", "archive 3"),
        ("disk allow", "vast-1"),
        ("drain", "vast-1"),
    ]


def test_the_user_behind_sudo_is_the_one_who_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "ann")
    assert user_name() == "ann"
    monkeypatch.delenv("SUDO_USER")
    monkeypatch.setenv("LOGNAME", "bob")
    assert user_name() == "bob"
