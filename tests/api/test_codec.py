"""Views survive the way over the wire exactly, and nothing that is not a view does."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.codec import CodecError, decode, encode
from engine.api.methods import method_of, methods
from engine.client import EngineClient
from engine.model import NodeState
from engine.transport_views import AttemptView, TransportsView
from engine.views import (
    ActionResult,
    CatalogQuery,
    EntryDetail,
    FindingView,
    PlanView,
    StatusView,
    SyncRequest,
    TransferView,
)
from engine.views_rules import SaveResult
from tests.api.scripted_engine import ScriptedEngine, a_detail, a_row, a_status

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def over_the_wire(kind: object, value: object) -> object:
    return decode(kind, json.loads(json.dumps(encode(value))))


def test_a_status_arrives_as_it_was_sent() -> None:
    view = a_status()
    assert over_the_wire(StatusView, view) == view


def test_an_entry_arrives_as_it_was_sent() -> None:
    detail = a_detail(a_row(1))
    assert over_the_wire(EntryDetail, detail) == detail


async def test_a_plan_arrives_as_it_was_sent() -> None:
    view = await ScriptedEngine().plan()
    assert over_the_wire(PlanView, view) == view


async def test_transports_and_attempts_arrive_as_they_were_sent() -> None:
    engine = ScriptedEngine()
    view, attempts = await engine.transports(), await engine.attempts(1)
    assert over_the_wire(TransportsView, view) == view
    assert over_the_wire(tuple[AttemptView, ...], attempts) == attempts


@given(st.builds(SyncRequest))
def test_every_request_arrives_as_it_was_sent(request: SyncRequest) -> None:
    assert over_the_wire(SyncRequest, request) == request


@given(st.from_type(FindingView))
def test_every_finding_that_can_be_sent_arrives_as_it_was_sent(finding: FindingView) -> None:
    if not math.isfinite(finding.since):
        with pytest.raises(CodecError):
            encode(finding)
        return
    assert over_the_wire(FindingView, finding) == finding


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | FINITE | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_no_json_value_makes_decoding_fail_in_any_way_but_one(value: object) -> None:
    for kind in (StatusView, SyncRequest, CatalogQuery, TransferView):
        try:
            decode(kind, value)
        except CodecError:
            continue


def test_an_unknown_field_is_refused_by_name() -> None:
    value = encode(CatalogQuery()) | {"colour": "red"}  # type: ignore[operator]
    with pytest.raises(CodecError, match="colour"):
        decode(CatalogQuery, value)


def test_a_missing_field_is_refused_by_name() -> None:
    value = encode(a_status())
    assert isinstance(value, dict)
    del value["revision"]
    with pytest.raises(CodecError, match="revision"):
        decode(StatusView, value)


def test_a_wrong_type_is_refused_with_its_place() -> None:
    value = json.loads(json.dumps(encode(a_status())))
    value["nodes"][1]["durable"] = "yes"
    with pytest.raises(CodecError) as caught:
        decode(StatusView, value)
    assert caught.value.subject == "nodes[1].durable"


@pytest.mark.parametrize("value", [True, 1.5, "1", None, [1]])
def test_a_whole_number_is_nothing_else(value: object) -> None:
    with pytest.raises(CodecError):
        decode(int, value)


def test_a_field_that_was_added_later_may_be_missing() -> None:
    value = encode(CatalogQuery(text="x"))
    assert isinstance(value, dict)
    del value["descending"]
    assert decode(CatalogQuery, value) == CatalogQuery(text="x")


def test_enums_travel_by_value() -> None:
    assert encode(NodeState.UP) == "up"
    assert decode(NodeState, "up") is NodeState.UP
    with pytest.raises(CodecError):
        decode(NodeState, "sideways")


def test_every_method_of_the_engine_client_can_be_called_but_start_and_close() -> None:
    declared = {name for name in dir(EngineClient) if not name.startswith("_")}
    assert set(methods()) == declared - {"start", "close"}


def test_a_new_method_that_answers_what_it_did_is_never_sent_twice() -> None:
    async def defrag(self: EngineClient, node: str) -> ActionResult: ...

    async def rename_rule(self: EngineClient, name: str) -> SaveResult: ...

    async def fragments(self: EngineClient, node: str) -> StatusView: ...

    assert [method_of(made).changes for made in (defrag, rename_rule, fragments)] == [True, True, False]
