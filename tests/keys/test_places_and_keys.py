"""The map between places and keys, for every fleet shape that matters."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.landing import DEFAULT_LANDING, landing_problem
from config.types import DataType, DriveSpec, Policy
from engine.catalog.keys import KeyMapError, key_of, parse_key, place
from engine.catalog.roots import LocationRoot, landing_root, roots_of
from engine.integrity.kept import kept_path
from engine.model import EntryKey
from tests.planner.worlds import DRIVE_SUBDIRS, node, policy

STORAGE = {"games": "/store/games", "models": "/store/models", "training_data": "/store/npz", "sync_incoming": "/in"}
FLEET = policy(
    [
        node("alpha", drives=["/Volumes/Data", "/Volumes/old/Data"], coordinator=True),
        node("beta"),
        node("gamma", storage_paths=STORAGE),
        node(
            "delta",
            storage_paths={"models": "~/ringrift/ai-service/weights", "games": "/Volumes/D/g"},
            drives=["/Volumes/D"],
        ),
        node("epsilon", root="/Volumes/E/ringrift", drives=["/Volumes/E"]),
        node("data", storage_paths={"games": "/x/root", "models": "/x/root"}),
    ]
)
OTHER_TEMPLATES = {
    DataType.GAMES: "incoming/from/{origin}/{path}",
    DataType.NPZ: "received/{path}",
    DataType.MODELS: "{path}",
    DataType.CHECKPOINT: "received/{path}",
}
RENAMED = dataclasses.replace(FLEET, engine=dataclasses.replace(FLEET.engine, landing=OTHER_TEMPLATES))

STEPS = st.sampled_from(
    ["data", "games", "training", "models", "weights", "synced", "alpha", "beta", "gamma", "delta", "epsilon", "gone",
     "_root", "_Data", "_Data-2", "_games", "_models", "_root-2", "_gamma.games", "_gamma.models", "_alpha.Data",
     "_gamma.root", "_data.root-2", "_data.root", "_old", "_D", "_E", "_epsilon.E", "selfplay_repository", "incoming",
     "from", "received", "canonical_data", "canonical_models", "x.db", "y.npz", "é.pth", "a@b", "a b", "-n"]
)  # fmt: skip
PATHS = st.lists(STEPS, min_size=1, max_size=6).map("/".join)
TYPES = st.sampled_from(list(DataType))
FLEETS = st.sampled_from([FLEET, RENAMED])


def _roots(fleet: Policy) -> list[LocationRoot]:
    return [root for name in fleet.nodes for root in roots_of(fleet, name)]


def _scanned(root: LocationRoot, path: str) -> bool:
    return any(not folder or path.startswith(folder + "/") for folder in root.scan_folders)


@given(FLEETS, st.data(), PATHS, TYPES)
def test_placing_the_key_of_a_scanned_file_leads_back_to_the_file(
    fleet: Policy, data: st.DataObject, path: str, data_type: DataType
) -> None:
    root = data.draw(st.sampled_from(_roots(fleet)))
    if not _scanned(root, path):
        return
    key = key_of(root, path, data_type)
    assert place(key, root) == path


@given(FLEETS, st.data(), PATHS, PATHS, TYPES)
def test_two_places_of_one_location_never_share_a_key(
    fleet: Policy, data: st.DataObject, first: str, second: str, data_type: DataType
) -> None:
    one = data.draw(st.sampled_from(_roots(fleet)))
    other = data.draw(st.sampled_from([root for root in _roots(fleet) if root.location == one.location]))
    if not (_scanned(one, first) and _scanned(other, second)) or (one.root, first) == (other.root, second):
        return
    assert key_of(one, first, data_type) != key_of(other, second, data_type)


@given(FLEETS, st.data(), PATHS, TYPES)
def test_a_rescan_of_a_copy_that_we_placed_gives_the_key_it_came_from(
    fleet: Policy, data: st.DataObject, path: str, data_type: DataType
) -> None:
    source = data.draw(st.sampled_from(_roots(fleet)))
    if not _scanned(source, path):
        return
    key = key_of(source, path, data_type)
    for name in fleet.nodes:
        for target in roots_of(fleet, name):
            landing = landing_root(fleet, target.location, data_type)
            if target.location == source.location or landing is None:
                continue
            try:
                landed = place(key, landing)
            except KeyMapError:
                # it reads as a file of another root of the target itself: refused, never misplaced
                assert key.origin == landing.node_id or key.path.startswith(f"_{landing.node_id}.")
                continue
            assert key_of(landing, landed, data_type) == key
            assert _scanned(landing, landed)


@given(FLEETS, st.data(), PATHS, TYPES)
def test_the_text_of_a_key_reads_back_as_the_key(
    fleet: Policy, data: st.DataObject, path: str, data_type: DataType
) -> None:
    key = key_of(data.draw(st.sampled_from(_roots(fleet))), path, data_type)
    assert parse_key(str(key)) == key


@given(st.data(), PATHS, TYPES)
def test_games_of_two_hosts_never_share_a_key(data: st.DataObject, path: str, data_type: DataType) -> None:
    key = key_of(roots_of(FLEET, "beta")[0], f"data/games/{path}", DataType.GAMES)
    assert key.origin in ({"beta"} | ({path.split("/")[1]} if path.startswith("synced/") and "/" in path else set()))


def _root(node_id: str, tag: str) -> LocationRoot:
    return next(root for root in roots_of(FLEET, node_id) if root.tag == tag)


@pytest.mark.parametrize(
    ("node_id", "tag", "path", "data_type", "text"),
    [
        ("beta", "root", "data/games/hex8_2p.db", DataType.GAMES, "games:hex8_2p.db@beta"),
        ("beta", "root", "data/games/synced/alpha/x.db", DataType.GAMES, "games:x.db@alpha"),
        ("beta", "root", "data/games/synced/gone/x.db", DataType.GAMES, "games:x.db@gone"),
        ("beta", "root", "data/games/synced/beta/x.db", DataType.GAMES, "games:synced/beta/x.db@beta"),
        ("beta", "root", "data/games/synced/x.db", DataType.GAMES, "games:synced/x.db@beta"),
        ("beta", "root", "data/selfplay/p2p/games.db", DataType.GAMES, "games:_root/data/selfplay/p2p/games.db@beta"),
        ("beta", "root", "data/games/_old/x.db", DataType.GAMES, "games:_root/data/games/_old/x.db@beta"),
        ("beta", "root", "models/canonical_hex8_2p.pth", DataType.MODELS, "models:canonical_hex8_2p.pth"),
        ("beta", "root", "data/training/a/b.npz", DataType.NPZ, "npz:a/b.npz"),
        ("beta", "root", "data/models/x.pth", DataType.MODELS, "models:_root/data/models/x.pth"),
        ("alpha", "Data", "selfplay_repository/raw/x.db", DataType.GAMES,
         "games:_Data/selfplay_repository/raw/x.db@alpha"),
        ("alpha", "Data", "selfplay_repository/synced/beta/x.db", DataType.GAMES, "games:x.db@beta"),
        ("alpha", "Data", "selfplay_repository/synced/alpha/x.db", DataType.GAMES, "games:x.db@alpha"),
        ("alpha", "Data", "canonical_models/m.pth", DataType.MODELS, "models:m.pth"),
        ("alpha", "Data", "archives/m.pth", DataType.MODELS, "models:_alpha.Data/archives/m.pth"),
        ("gamma", "games", "x.db", DataType.GAMES, "games:_games/x.db@gamma"),
        ("gamma", "models", "x.pth", DataType.MODELS, "models:x.pth"),
        ("gamma", "root", "models/x.pth", DataType.MODELS, "models:_gamma.root/models/x.pth"),
    ],
)  # fmt: skip
def test_places_have_the_keys_that_the_contract_names(
    node_id: str, tag: str, path: str, data_type: DataType, text: str
) -> None:
    assert str(key_of(_root(node_id, tag), path, data_type)) == text


def test_foreign_games_land_where_the_users_discovery_reads() -> None:
    key = EntryKey(DataType.GAMES, "hex8_2p.db", "beta")
    root = landing_root(FLEET, "alpha:/Volumes/Data", DataType.GAMES)
    assert root is not None
    assert place(key, root) == "selfplay_repository/synced/beta/hex8_2p.db"
    assert place(key, roots_of(FLEET, "delta")[0]) == "data/games/synced/beta/hex8_2p.db"


def test_names_in_either_unicode_form_are_one_key() -> None:
    root = roots_of(FLEET, "beta")[0]
    assert key_of(root, "models/e\u0301.pth", DataType.MODELS) == key_of(root, "models/\u00e9.pth", DataType.MODELS)


def test_a_storage_path_on_a_drive_is_no_second_root() -> None:
    roots = roots_of(FLEET, "delta")
    assert [root.location for root in roots] == ["delta", "delta:/Volumes/D"]


def test_a_storage_path_inside_the_main_root_moves_the_folder_of_its_type() -> None:
    main = roots_of(FLEET, "delta")[0]
    assert main.folders[DataType.MODELS] == "weights"
    assert "weights" in main.scan_folders
    at_home = node("h", user="ubuntu", storage_paths={"games": "/home/ubuntu/ringrift/ai-service/data/games"})
    assert len(roots_of(policy([at_home]), "h")) == 1


def test_a_drive_that_holds_the_main_root_is_not_walked_twice() -> None:
    drive = roots_of(FLEET, "epsilon")[1]
    assert drive.scan_folders == ("canonical_data", "canonical_models", "selfplay_repository")


def test_drives_of_one_name_get_different_tags() -> None:
    assert [root.tag for root in roots_of(FLEET, "alpha")] == ["root", "Data", "Data-2"]


def test_a_root_below_a_mount_folder_must_be_mounted() -> None:
    assert [root.must_be_mounted for root in roots_of(FLEET, "alpha")] == [False, True, True]


def test_a_type_lands_where_its_storage_path_says() -> None:
    root = landing_root(FLEET, "gamma", DataType.GAMES)
    assert root is not None
    assert (root.root, root.folders[DataType.GAMES]) == ("/store/games", "")
    assert landing_root(FLEET, "nobody", DataType.GAMES) is None


def test_a_node_without_a_folder_has_no_roots() -> None:
    fleet = policy([node("proxy", root=None)])
    assert roots_of(fleet, "proxy") == ()
    assert roots_of(fleet, "nobody") == ()


def test_a_drive_receives_only_the_types_of_its_folders() -> None:
    drive = DriveSpec("m", "/Volumes/M", {DataType.GAMES: DRIVE_SUBDIRS[DataType.GAMES]}, 3)
    fleet = policy([node("m", drives=[]), node("n")])
    spec = dataclasses.replace(fleet.nodes["m"], drives=(drive,))
    fleet = dataclasses.replace(fleet, nodes={"m": spec})
    assert landing_root(fleet, "m:/Volumes/M", DataType.MODELS) is None


@pytest.mark.parametrize(
    "text", ["", "games", "games:x.db", "games:@n", "logs:x", "npz:/etc/passwd", "npz:a/../b", "npz:a//b", "npz:a\nb"]
)
def test_text_that_is_no_key_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(KeyMapError):
        parse_key(text)


@pytest.mark.parametrize(
    ("data_type", "template", "sound"),
    [
        (DataType.GAMES, "synced/{origin}/{path}", True),
        (DataType.GAMES, "{origin}/{path}", False),
        (DataType.GAMES, "synced/{path}", False),
        (DataType.GAMES, "synced/{origin}-{path}", False),
        (DataType.GAMES, "../{origin}/{path}", False),
        (DataType.GAMES, ".hidden/{origin}/{path}", False),
        (DataType.MODELS, "_root/{path}", False),
        (DataType.MODELS, "a/../{path}", False),
        (DataType.MODELS, "{path}", True),
        (DataType.MODELS, "from/{origin}/{path}", False),
        (DataType.NPZ, "in/{path}/x", False),
    ],
)
def test_a_template_that_cannot_be_read_backwards_is_named(data_type: DataType, template: str, sound: bool) -> None:
    assert (landing_problem(data_type, template) is None) is sound


def test_the_default_templates_are_sound() -> None:
    assert [landing_problem(data_type, template) for data_type, template in DEFAULT_LANDING.items()] == [None] * 4


@given(FLEETS, st.data(), PATHS, TYPES)
def test_what_stays_of_an_earlier_version_is_found_as_the_key_it_is_recorded_under(
    fleet: Policy, data: st.DataObject, path: str, data_type: DataType
) -> None:
    root = data.draw(st.sampled_from(_roots(fleet)))
    if not _scanned(root, path):
        return
    key = key_of(root, path, data_type)
    kept = dataclasses.replace(key, path=kept_path(key.path, "0123456789abcdef"))
    assert key_of(root, kept_path(path, "0123456789abcdef"), data_type) == kept
