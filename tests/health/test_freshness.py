"""What the freshness view says of copies off-site."""

from __future__ import annotations

import dataclasses

import pytest

from config.types import DataType, EngineSettings
from engine.catalog.values import FreshnessRow, Place, Places
from engine.presentation.freshness import freshness_views
from tests.planner.worlds import NOW, node, policy

ROW = FreshnessRow("hex8_2p", DataType.NPZ, NOW - 60, 1, 1, 0, 0, 0)


@pytest.mark.parametrize(("providers", "off_site"), [(("lambda",), "not configured"), (("lambda", "nebius"), "no")])
def test_a_bucket_that_nothing_goes_to_yet_is_no_place_off_site(providers: tuple[str, ...], off_site: str) -> None:
    fleet = dataclasses.replace(policy([node("lambda-1")]), engine=EngineSettings(s3_bucket="b"))
    places = Places(tuple(Place(f"{name}-1", f"{name}-1", True, name) for name in providers))
    (view,) = freshness_views([ROW], [], fleet, places, NOW)
    assert view.off_site == off_site
