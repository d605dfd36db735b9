from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from cluster_text import FLEET, host, loaded
from hypothesis import given
from hypothesis import strategies as st

from config.load import load
from config.places import places
from config.selector import Selector, SelectorError, attributes_of


@pytest.fixture(scope="module")
def fleet():
    return load(FLEET).policy


def selected(policy, text):
    selector = Selector.parse(text)
    return {
        node.node_id + (f":{drive.path}" if drive else "")
        for node, drive in places(policy)
        if selector.matches(attributes_of(node, drive))
    }


def test_external_selects_drives_and_nothing_else(fleet):
    assert selected(fleet, "external") == {"mac-studio:/Volumes/RingRift-Data"}


def test_a_node_name_selects_the_node_and_its_drives(fleet):
    assert selected(fleet, "node=mac-studio") == {"mac-studio", "mac-studio:/Volumes/RingRift-Data"}


def test_role_and_status_globs_combine(fleet):
    found = selected(fleet, "role=gpu_training* & status=ready")
    assert found == {n.node_id for n in fleet.nodes.values() if n.role.startswith("gpu_training") and n.ready}
    assert "nebius-h100-2" not in found


def test_provider_and_region_select_by_where_a_host_is(fleet):
    assert selected(fleet, "provider=vast") == {name for name in fleet.nodes if name.startswith("vast-")}
    assert selected(fleet, "region=eu-*") == {
        name for name, node in fleet.nodes.items() if "eu-" in (node.region or "")
    }


def test_a_place_without_an_attribute_matches_no_glob_of_it(fleet):
    assert "mac-studio" not in selected(fleet, "region=*")
    assert "mac-studio" in selected(fleet, "!region=*")
    assert "mac-studio" in selected(fleet, "region!=eu-*")


def test_durable_and_ephemeral_part_the_fleet(fleet):
    durable, ephemeral = selected(fleet, "durable"), selected(fleet, "ephemeral")
    assert not durable & ephemeral
    assert durable | ephemeral == selected(fleet, "all") == selected(fleet, "any")


def test_a_drive_neither_trains_nor_computes(fleet):
    assert selected(fleet, "external & (training | gpu | selfplay)") == set()
    assert selected(fleet, "external & coordinator & durable") == {"mac-studio:/Volumes/RingRift-Data"}


def test_gpu_is_a_word_for_having_one_and_an_attribute_for_which():
    policy = loaded(host("a", 1, gpu="GH200 (96 GB)"), host("b", 2, gpu="none")).policy
    assert selected(policy, "gpu") == {"a"}
    assert selected(policy, 'gpu="gh200 (96*"') == {"a"}
    assert selected(policy, "gpu=none") == set()


def test_other_keys_of_a_host_can_be_asked_for():
    policy = loaded(host("a", 1, cpus=64, rack="r7"), host("b", 2, cpus=8)).policy
    assert selected(policy, "cpus=64 & rack=r?") == {"a"}


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "empty"),
        ("durabel", 1, "did you mean `durable`"),
        ("gpu & ", 7, "found the end"),
        ("(gpu | all", 1, "never closed"),
        ("gpu all", 5, "expected `&`"),
        ("role=", 6, "found the end"),
        ("role=&", 6, "expected a glob"),
        ("a = 'x", 5, "quote"),
        ("gpu )", 5, "found `)`"),
        ("| gpu", 1, "expected a word"),
        ("(" * 200 + "gpu", 51, "nested"),
    ],
)
def test_an_error_names_the_character_and_what_was_expected(text, column, message):
    with pytest.raises(SelectorError, match="at character") as caught:
        Selector.parse(text)
    assert caught.value.column == column
    assert message in str(caught.value)


NAMES = st.sampled_from(["role", "status", "provider"])
GLOBS = st.sampled_from(["a", "b", "*", "a*", "?", "zz"])
ATTRIBUTES = st.dictionaries(NAMES, st.sampled_from(["a", "b", "ab", ""]))


def _leaf(pair):
    name, glob = pair
    return f"{name}={glob}", lambda attributes: name in attributes and fnmatchcase(attributes[name], glob)


def _grow(inner):
    binary = st.tuples(inner, inner)
    return st.one_of(
        inner.map(lambda a: (f"!({a[0]})", lambda x: not a[1](x))),
        binary.map(lambda ab: (f"({ab[0][0]}) & ({ab[1][0]})", lambda x: ab[0][1](x) and ab[1][1](x))),
        binary.map(lambda ab: (f"({ab[0][0]})|({ab[1][0]})", lambda x: ab[0][1](x) or ab[1][1](x))),
    )


@given(st.recursive(st.tuples(NAMES, GLOBS).map(_leaf), _grow, max_leaves=8), ATTRIBUTES)
def test_a_selector_means_what_its_parts_mean(selector, attributes):
    text, meaning = selector
    assert Selector.parse(text).matches(attributes) == meaning(attributes)


@given(st.lists(st.sampled_from(["role=a", "status=b", "provider=*"]), min_size=3, max_size=3), ATTRIBUTES)
def test_and_binds_tighter_than_or(parts, attributes):
    a, b, c = parts
    loose, tight = Selector.parse(f"{a} | {b} & {c}"), Selector.parse(f"{a} | ({b} & {c})")
    assert loose.matches(attributes) == tight.matches(attributes)


@given(st.text(max_size=30))
def test_any_text_parses_or_fails_with_a_column_inside_it(text):
    try:
        Selector.parse(text)
    except SelectorError as error:
        assert 1 <= error.column <= len(text) + 1
