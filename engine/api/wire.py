"""The lines that travel over the control socket: one JSON object each, bounded in size.

Request: ``{"id": 7, "method": "status", "params": {}}``. Answer: ``{"id": 7, "result": ...}`` or
``{"id": 7, "error": {"operation", "subject", "cause", "remedy", "class"}}``; ``id`` is null when the request had none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn

from engine.api.codec import JsonValue
from engine.errors import ErrorClass, SyncdeckError

PROTOCOL = 1
MAX_REQUEST_BYTES = 4 * 1024 * 1024
"""Room for a selection of some ten thousand keys; nobody has to hold more of a stranger's line than this."""
MAX_ANSWER_BYTES = 64 * 1024 * 1024


class BadRequest(SyncdeckError):
    """A request that is not one; ``request_id`` is the id that it had, if it had one."""

    def __init__(self, cause: str, request_id: int | None = None) -> None:
        remedy = "send one JSON object per line with id, method and params; see docs/json.md"
        super().__init__("read request on", "control socket", cause, remedy, ErrorClass.UNSUPPORTED)
        self.request_id = request_id


@dataclass(frozen=True, slots=True)
class Request:
    """One call. ``params`` are still undecoded."""

    id: int
    method: str
    params: dict[str, Any]


def pack(message: JsonValue) -> bytes:
    """Return a message as one line, ending in a newline."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def unpack(line: bytes) -> Any:
    """Return the JSON value of a line; raises BadRequest when it is none."""
    try:
        return json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the line is not JSON: {error}") from None


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")


def parse_request(line: bytes) -> Request:
    """Return the request of a line; raises BadRequest."""
    message = unpack(line)
    if type(message) is not dict:
        raise BadRequest("the line is not a JSON object")
    request_id = message.get("id")
    if type(request_id) is not int:
        raise BadRequest("id must be a whole number")
    unknown = message.keys() - {"id", "method", "params"}
    if unknown:
        raise BadRequest(f"unknown member {sorted(unknown)[0]!r}", request_id)
    method, params = message.get("method"), message.get("params", {})
    if type(method) is not str:
        raise BadRequest("method must be text", request_id)
    if type(params) is not dict:
        raise BadRequest("params must be an object", request_id)
    return Request(request_id, method, params)


def error_to_json(error: SyncdeckError) -> JsonValue:
    """Return an error as it travels."""
    return {
        "operation": error.operation,
        "subject": error.subject,
        "cause": error.cause,
        "remedy": error.remedy,
        "class": error.error_class.value,
    }


def error_from_json(value: object) -> SyncdeckError:
    """Return the error that travelled; one of an unknown class counts as a bug."""
    members = value if isinstance(value, dict) else {}
    text = {name: str(members.get(name, "")) for name in ("operation", "subject", "cause", "remedy", "class")}
    known = {item.value: item for item in ErrorClass}
    error_class = known.get(text["class"], ErrorClass.BUG)
    return SyncdeckError(text["operation"], text["subject"], text["cause"], text["remedy"], error_class)
