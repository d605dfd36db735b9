"""Which end of a stream failed, and why: pure, from what both ends said and how they ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from config.types import Address
from engine.errors import ErrorClass, NodeUnreachable, TransferError
from engine.model import NodeState
from engine.remote.diagnose import ERROR_CLASSES, Diagnosis, diagnose, remedy_for, unreachable
from engine.remote.types import Endpoint

OPERATION = "stream"
# An agent ends so after telling its failure; ssh may lose those words when the pipe beyond it broke.
TOLD_AND_ENDED = 1


@dataclass(frozen=True, slots=True)
class Way:
    """How one end is reached: the node, the address (None: this machine) and the master connection to use."""

    endpoint: Endpoint
    address: Address | None
    slot: int


class Ended(Protocol):
    """What is known of an end that is over."""

    said: dict[str, Any]
    killed: bool

    @property
    def exit_code(self) -> int | None:
        """The child's exit code."""
        ...

    @property
    def noise_text(self) -> str:
        """What was written besides the agent's own lines."""
        ...

    @property
    def succeeded(self) -> bool:
        """Whether it did its part to the end."""
        ...


class EndUnreached(Exception):
    """An end never said a word at the address that was tried."""

    def __init__(self, way: Way, failure: NodeUnreachable) -> None:
        super().__init__(str(failure))
        self.way = way
        self.failure = failure


def raise_verdict(ends: Sequence[tuple[Way, Ended]], operation: str = OPERATION) -> None:
    """Return when all ends succeeded; else raise for the end that failed first of itself.

    A failure that only follows from the other end's (a broken pipe) is told when there is no better reason.
    """
    failed = [(way, end) for way, end in ends if not end.succeeded]
    if not failed:
        return
    reported = [(way, end.said["error"]) for way, end in failed if "error" in end.said]
    for way, error in reported:
        if not error["secondary"]:
            raise _reported(way, error, operation)
    silent = [(way, end) for way, end in failed if "error" not in end.said and not end.killed]
    for way, end in sorted(silent, key=lambda pair: bool(pair[1].said) and pair[1].exit_code == TOLD_AND_ENDED):
        diagnosis = _diagnosis(way.endpoint.node_id, end)
        failure = unreachable(operation, way.endpoint.node_id, diagnosis)
        raise failure if end.said else EndUnreached(way, failure)
    for way, error in reported:
        raise _reported(way, error, operation)
    way, _ = failed[0]
    raise TransferError(
        operation, way.endpoint.node_id, "it did not end by itself", "see the log", ErrorClass.TRANSIENT_NETWORK
    )


def _diagnosis(node_id: str, end: Ended) -> Diagnosis:
    """An end that spoke had all it needs: however its child died, only the connection was lost."""
    diagnosis = diagnose(node_id, end.exit_code, end.noise_text)
    if not end.said or diagnosis.error_class is not ErrorClass.UNSUPPORTED:
        return diagnosis
    lost = NodeState.LOST
    return replace(diagnosis, state=lost, error_class=ERROR_CLASSES[lost], remedy=remedy_for(lost, node_id))


def _reported(way: Way, error: dict[str, Any], operation: str) -> TransferError:
    return TransferError(operation, way.endpoint.node_id, error["cause"], error["remedy"], ErrorClass(error["class"]))
