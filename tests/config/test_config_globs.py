"""A glob means the same to everyone who matches it: to the router, to lint, and whatever the case it is written in."""

from __future__ import annotations

from cluster_text import cluster, rule_ids
from hypothesis import given
from hypothesis import strategies as st

from config.globs import glob_matches
from config.presets.preset import ringrift
from config.types import RuleMatch
from engine.routing.matching import matches
from tests.planner.worlds import NOW, entry, replica

KEYS = sorted(ringrift().all_config_keys())
GLOBS = st.sampled_from(KEYS).flatmap(
    lambda key: st.sampled_from([key, f"{key[:4]}*", f"*{key[-3:]}", f"{key[:-1]}?", f"[{key[0]}x]{key[1:]}", "oct_*"])
)


def _in_random_case(text: str, upper: list[bool]) -> str:
    return "".join(letter.upper() if up else letter for letter, up in zip(text, upper, strict=True))


@given(data=st.data(), glob=GLOBS, key=st.sampled_from(KEYS))
def test_the_case_of_a_config_key_or_its_glob_never_matters(data: st.DataObject, glob: str, key: str) -> None:
    other = _in_random_case(glob, data.draw(st.lists(st.booleans(), min_size=len(glob), max_size=len(glob))))
    assert glob_matches(key, glob) is glob_matches(key, other) is glob_matches(key.upper(), other)


@given(data=st.data(), glob=GLOBS)
def test_lint_blames_a_config_key_exactly_where_the_router_would_match_none(data: st.DataObject, glob: str) -> None:
    written = _in_random_case(glob, data.draw(st.lists(st.booleans(), min_size=len(glob), max_size=len(glob))))
    section = f"sync_routing:\n  rules:\n    - {{name: a, match: {{config_key: '{written}'}}, place: all}}\n"
    copies = replica("lambda-1")
    routed = any(
        matches(RuleMatch(config_key=written), entry("a.npz", copies, config_key=key), {}, NOW) for key in KEYS
    )
    assert ("rule-config-key-unknown" not in rule_ids(cluster(sections=section))) is routed
