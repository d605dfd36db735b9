"""What is said of a stream whose ends ended early."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from config.types import Address
from engine.errors import ErrorClass, NodeUnreachable
from engine.remote.stream_verdict import EndUnreached, Way, raise_verdict
from engine.remote.types import Endpoint

WAY = Way(Endpoint("box-1", local=False), Address("127.0.0.1", 22), 0)


@dataclass
class Over:
    """An end as it was found."""

    exit_code: int | None
    said: dict[str, Any] = field(default_factory=dict)
    noise_text: str = ""
    killed: bool = False
    succeeded: bool = False


def test_an_end_that_worked_and_died_without_a_word_lost_its_connection_and_is_tried_again() -> None:
    with pytest.raises(NodeUnreachable) as failure:
        raise_verdict([(WAY, Over(1, {"hello": 1, "read": 5}))])
    assert failure.value.error_class is ErrorClass.TRANSIENT_NETWORK


def test_an_end_whose_words_were_lost_with_the_pipe_is_not_blamed_for_the_other_one_that_was_killed() -> None:
    other = Way(Endpoint("box-2", local=False), WAY.address, 0)
    with pytest.raises(NodeUnreachable) as failure:
        raise_verdict([(WAY, Over(1, {"hello": 1})), (other, Over(255, {"ready": {}}))])
    assert failure.value.subject == "box-2"


def test_an_end_that_never_spoke_is_said_to_lack_what_it_lacks() -> None:
    with pytest.raises(EndUnreached) as failure:
        raise_verdict([(WAY, Over(127, noise_text="sh: 1: python3: not found"))])
    assert failure.value.failure.error_class is ErrorClass.UNSUPPORTED
