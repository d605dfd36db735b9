from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.classify import Classifier, classify
from config.presets.preset import parse_preset, ringrift
from config.types import DataType

GAMES, MODELS, NPZ, CHECKPOINT = DataType.GAMES, DataType.MODELS, DataType.NPZ, DataType.CHECKPOINT


@pytest.mark.parametrize(
    ("path", "data_type", "config_key", "kind"),
    [
        ("data/games/canonical_hex8_2p.db", GAMES, "hex8_2p", "sqlite"),
        ("hex8_4p_selfplay.db", GAMES, "hex8_4p", "sqlite"),
        ("selfplay_square8_2p.db", GAMES, "square8_2p", "sqlite"),
        ("square19_3p.npz", NPZ, "square19_3p", "zip"),
        ("hexagonal_4p.pth", MODELS, "hexagonal_4p", "zip"),
        ("random_file.db", GAMES, None, "sqlite"),
        ("canonical_hex8_2p_20251226.db", GAMES, "hex8_2p", "sqlite"),
        ("nebius_canonical_hex8_2p.db", GAMES, "hex8_2p", "sqlite"),
        ("canonical_hex8.db", GAMES, None, "sqlite"),
        ("gumbel_hex_2p.db", GAMES, "hexagonal_2p", "sqlite"),
        ("sq8_2p.jsonl", GAMES, "square8_2p", "plain"),
        ("sq19_4p.npz", NPZ, "square19_4p", "zip"),
        ("hex8_2.db", GAMES, "hex8_2p", "sqlite"),
        ("models/checkpoint_hex8_2p_epoch3.pth", CHECKPOINT, "hex8_2p", "zip"),
        ("models/run7.ckpt", CHECKPOINT, None, "zip"),
        ("models/Canonical_HEX8_2P.PTH", MODELS, "hex8_2p", "zip"),
        ("notes.txt", None, None, "plain"),
        ("data/training/hex8_2p.npz.torrent", None, "hex8_2p", "plain"),
    ],
)
def test_type_config_key_and_kind_come_from_the_name(path, data_type, config_key, kind):
    found = classify(path)
    assert (found.data_type, found.config_key, found.kind) == (data_type, config_key, kind)


@pytest.mark.parametrize("name", ["checkpoint_hex8_2p.db", "checkpoints.jsonl"])
def test_a_live_database_is_never_taken_for_a_checkpoint(name):
    assert classify(name).data_type is GAMES


@pytest.mark.parametrize(
    "path",
    [
        "data/unified_elo.db", "data/unified_elo_backup.db", "registry.db", "work_queue.db", "coordination.db",
        "data/cluster_manifest.db", "data_manifest.db", "events.db", "data/coordination/leases.db",
    ],
)  # fmt: skip
def test_the_cluster_softwares_own_databases_are_not_data(path):
    assert classify(path).data_type is None


@pytest.mark.parametrize(
    "path",
    [
        "games.db-wal", "games.db-shm", "games.db.writing", "checkpoint_x.db-wal", "checkpoint_x.pth.tmp", "._games.db",
        "data/games/.games.db.syncdeck-0123-run",
    ],
)  # fmt: skip
def test_companions_and_temporary_files_are_not_data(path):
    assert classify(path).data_type is None


def test_a_folder_that_is_called_like_a_type_changes_nothing():
    assert classify("checkpoints/hex8_2p.pth").data_type is MODELS
    assert classify("x/registry/games.db").data_type is GAMES


def test_the_file_name_goes_before_folders_and_the_near_folder_before_the_far_one():
    assert classify("hex8_2p/square8_3p/games_square19_4p.jsonl").config_key == "square19_4p"
    assert classify("hex8_2p/square8_3p/games.db").config_key == "square8_3p"
    assert classify("hex8_2p/raw/games.db").config_key == "hex8_2p"


@pytest.mark.parametrize("name", ["complex8_2p", "hex80_2p", "hex8_20p", "hex8_2px", "xsq8_2p", "hex8_5p", "hex8_1p"])
def test_a_token_ends_at_a_boundary_and_knows_two_to_four_players(name):
    assert classify(f"{name}.db").config_key is None


BOARDS = {"hex8": "hex8", "hexagonal": "hexagonal", "hex": "hexagonal", "square8": "square8", "sq8": "square8",
          "square19": "square19", "sq19": "square19"}  # fmt: skip


@given(
    st.sampled_from(sorted(BOARDS)),
    st.integers(2, 4),
    st.booleans(),
    st.text("abcxyz019", max_size=6),
    st.text("abcxyz019", max_size=6),
    st.booleans(),
)
def test_a_token_is_found_wherever_it_stands_and_however_it_is_written(board, players, with_p, before, after, upper):
    token = f"{board}_{players}{'p' if with_p else ''}"
    name = f"{before}_{token}_{after}.db"
    assert classify(name.upper() if upper else name).config_key == f"{BOARDS[board]}_{players}p"


@given(st.text(max_size=40))
def test_any_text_at_all_has_either_no_key_or_one_of_the_twelve(text):
    assert classify(text).config_key in {None, *ringrift().all_config_keys()}


@given(st.text("abehx89_-12345p./", max_size=24))
def test_a_key_is_never_made_of_letters_that_touch_others(text):
    key = classify(text).config_key
    if key is not None:
        assert re.search(r"(?<![a-z0-9])(hex8?)[_-][234]p?(?![a-z0-9])", text)


def test_another_fleet_brings_its_own_names_as_data():
    preset = parse_preset(
        """
        name: other
        ignored: {suffixes: [.bak]}
        temporary: {prefix: ".", mark: .syncdeck-}
        infrastructure: {suffixes: [.lmdb], names: [queue]}
        types:
          - {type: games, names: ["*.lmdb"], kind: plain}
        config_keys: {boards: {go9: [go9, small]}, players: [2], separators: "-"}
        """
    )
    found = Classifier(preset).classify("runs/small-2p/games.lmdb")
    assert (found.data_type, found.config_key) == (GAMES, "go9_2p")
    assert Classifier(preset).classify("queue.lmdb").data_type is None
