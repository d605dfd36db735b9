"""Who receives what on a real fleet: statuses, exclusions, coordinators, drives and trainers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.contract.samples import below, change_config, make_games
from tests.e2e.cluster import cluster, make_npz

HOME = "fleet/{}/home/ringrift/ai-service/"


def test_every_place_receives_what_the_configuration_means_and_nothing_else(tmp_path: Path) -> None:
    drive_of_trainer = tmp_path / "trainer-drive"
    drive_of_trainer.mkdir()

    def change(document: dict[str, Any]) -> None:
        document["hosts"]["node-1"]["status"] = "proxy_only"
        document["sync_routing"]["excluded_hosts"] = [
            {"name": "node-0", "receive_games": False, "receive_npz": False, "receive_models": True, "reason": "dev"}
        ]
        document["sync_routing"]["allowed_external_storage"] += [
            {"host": "node-3", "path": str(drive_of_trainer), "receive_games": True, "receive_npz": True},
            {"host": "node-2", "path": "/mnt/no-such-drive", "receive_games": True},
        ]

    with cluster(tmp_path, nodes=4) as group:
        change_config(group, change)
        for index, node in enumerate(group.fleet.nodes):
            make_games(node.games / f"selfplay{index}_hex8_2p.db")
        make_npz(group.fleet[2].training / "hex8_2p.npz", 5_000)
        (group.fleet[2].models / "canonical_hex8_2p.pth").write_bytes(b"A" * 1000)
        (group.fleet[2].games / "unified_elo.db").write_bytes(b"no data of the fleet")

        observed = group.run("--no-ui", "--once", "--observe")
        assert observed.returncode == 0
        assert len(below(group, "*.pth")) == 1 and len(below(group, "*.npz")) == 1 and len(below(group, "*.db")) == 5

        done = group.run("--no-ui", "--once")
        assert "not mounted" in done.stdout and "/mnt/no-such-drive" in done.stdout
        files = [path for pattern in ("*.db", "*.npz", "*.pth") for path in below(group, pattern)]
        games = [f"games/synced/node-{origin}/selfplay{origin}_hex8_2p.db" for origin in (0, 2, 3)]
        for drive in ("drive", "trainer-drive"):
            held = {path.removeprefix(f"{drive}/") for path in files if path.startswith(f"{drive}/")}
            assert held == {*games, "npz/hex8_2p.npz", "models/canonical_hex8_2p.pth"}
        trainer = {path.removeprefix(HOME.format("node-3")) for path in files if "/node-3/home/" in path}
        assert trainer >= {"data/training/hex8_2p.npz", "models/canonical_hex8_2p.pth"}, "it reads its own"
        assert not [path for path in files if path.startswith("hub/")], "a coordinator with a drive takes nothing else"
        assert [path for path in files if "/node-1/home/" in path] == [
            HOME.format("node-1") + "data/games/selfplay1_hex8_2p.db"
        ]
        excluded = [path for path in files if "/node-0/home/" in path and not path.endswith(".pth")]
        assert excluded == [HOME.format("node-0") + "data/games/selfplay0_hex8_2p.db"]
        assert len([path for path in files if path.endswith("unified_elo.db")]) == 1
        assert not Path("/mnt/no-such-drive").exists()

        storage = {item["root"]: item for item in group.json("status")["storage"]}
        assert storage["/mnt/no-such-drive"]["state"] == "not-mounted"
        shown = group.run("config", "effective", str(group.config), "--json")
        effective = json.loads(shown.stdout)
        assert set(effective) == {"node-0", "node-1", "node-2", "node-3", "hub"}
        proxy = effective["node-1"]["models"]
        assert not proxy["receives"] and "proxy_only" in proxy["because"]
        assert effective["node-0"]["models"]["receives"] and not effective["node-0"]["npz"]["receives"]
        assert "external" in effective["hub"]["games"]["because"] and effective["hub"]["games"]["line"]
