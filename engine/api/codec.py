"""Frozen dataclasses to JSON values and back, driven by their field types; strict about everything unknown.

Decoders are compiled once per type, because a status view has thousands of fields and is decoded ten times a second.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from engine.errors import ErrorClass, SyncdeckError

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]
Decoder = Callable[[Any], Any]


class CodecError(SyncdeckError):
    """A value does not have the shape that its type demands; ``subject`` is the place inside the value."""

    def __init__(self, place: str, cause: str) -> None:
        remedy = "use the same version of syncdeck on both ends: restart the engine after an upgrade"
        super().__init__("read", place or "value", cause, remedy, ErrorClass.UNSUPPORTED)
        self.place = place


class _Mismatch(Exception):
    """Raised inside decoders; collects the path from the inside out."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.path: list[str] = []


def encode(value: object) -> JsonValue:
    """Return the JSON value of a view; raises CodecError for a type that has none (or a number that is not finite)."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return encode(value.value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise CodecError(repr(value), "is not a finite number")
        return value
    if isinstance(value, (str, int)):
        return value
    if isinstance(value, (tuple, list)):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: encode(getattr(value, name)) for name in _field_names(type(value))}
    raise CodecError(type(value).__name__, "has no JSON form")


def decode(kind: Any, value: object) -> Any:
    """Return ``value`` as an instance of the type ``kind``; raises CodecError naming the place that does not fit."""
    try:
        return _decoder(kind)(value)
    except _Mismatch as mismatch:
        raise CodecError("".join(reversed(mismatch.path)).lstrip("."), mismatch.cause) from None


@cache
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


@cache
def _decoder(kind: Any) -> Decoder:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _union(get_args(kind))
    if origin is tuple:
        return _tuple(get_args(kind))
    if kind in _SCALARS:
        return _SCALARS[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enum(kind)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _dataclass(kind)
    raise TypeError(f"no decoder for {kind!r}")


def _wrong(expected: str, value: object) -> _Mismatch:
    return _Mismatch(f"expected {expected}, found {type(value).__name__}")


def _none(value: Any) -> None:
    if value is not None:
        raise _wrong("null", value)


def _bool(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise _wrong("true or false", value)


def _int(value: Any) -> int:
    if type(value) is int:
        return value
    raise _wrong("a whole number", value)


def _float(value: Any) -> float:
    if type(value) is float or type(value) is int:
        try:
            number = float(value)
        except OverflowError:
            raise _Mismatch("the number is too large") from None
        if math.isfinite(number):
            return number
        raise _Mismatch("the number is not finite")
    raise _wrong("a number", value)


def _str(value: Any) -> str:
    if type(value) is str:
        return value
    raise _wrong("text", value)


_SCALARS: Mapping[Any, Decoder] = {type(None): _none, bool: _bool, int: _int, float: _float, str: _str}


def _enum(kind: type[Enum]) -> Decoder:
    members = {member.value: member for member in kind}

    def decode_member(value: Any) -> Enum:
        if isinstance(value, (str, int)) and value in members:
            return members[value]
        raise _Mismatch(f"expected one of {', '.join(map(str, members))}")

    return decode_member


def _union(kinds: tuple[Any, ...]) -> Decoder:
    """Decode ``X | None``; the views have no other union."""
    others = [kind for kind in kinds if kind is not type(None)]
    if len(others) != 1 or len(others) == len(kinds):
        raise TypeError(f"only unions with None are supported, not {kinds!r}")
    inner = _decoder(others[0])
    return lambda value: None if value is None else inner(value)


def _tuple(kinds: tuple[Any, ...]) -> Decoder:
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        inner = _decoder(kinds[0])
        return lambda value: tuple(_item(inner, index, item) for index, item in enumerate(_list(value)))
    inners = [_decoder(kind) for kind in kinds]

    def decode_fixed(value: Any) -> tuple[Any, ...]:
        items = _list(value)
        if len(items) != len(inners):
            raise _Mismatch(f"expected {len(inners)} items, found {len(items)}")
        return tuple(_item(inner, index, item) for index, (inner, item) in enumerate(zip(inners, items, strict=True)))

    return decode_fixed


def _list(value: Any) -> list[Any]:
    if type(value) is list:
        return value
    raise _wrong("a list", value)


def _item(inner: Decoder, index: int, value: Any) -> Any:
    try:
        return inner(value)
    except _Mismatch as mismatch:
        mismatch.path.append(f"[{index}]")
        raise


def _dataclass(kind: type) -> Decoder:
    hints = get_type_hints(kind)
    fields = dataclasses.fields(kind)
    inners = {field.name: _decoder(hints[field.name]) for field in fields}
    required = {
        field.name
        for field in fields
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }

    def decode_object(value: Any) -> Any:
        if type(value) is not dict:
            raise _wrong(f"an object ({kind.__name__})", value)
        if not required <= value.keys():
            raise _Mismatch(f"{kind.__name__} lacks {', '.join(sorted(required - value.keys()))}")
        arguments = {}
        for name, item in value.items():
            inner = inners.get(name)
            if inner is None:
                raise _Mismatch(f"{kind.__name__} has no field {name!r}")
            try:
                arguments[name] = inner(item)
            except _Mismatch as mismatch:
                mismatch.path.append(f".{name}")
                raise
        return kind(**arguments)

    return decode_object
