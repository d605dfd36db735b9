"""``sync_routing.rules``: one routing rule as it is written."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from config.schema.base import Duration, Integer, Section, as_list
from config.selector import Selector, SelectorError
from config.types import PRIORITIES, DataType, Transport
from config.units import Bounds, parse_bounds, parse_duration, parse_size


def _selector(text: str) -> str:
    try:
        Selector.parse(text)
    except SelectorError as error:
        raise PydanticCustomError(
            "rule-selector", "the selector {text} is not understood: {cause}", {"text": repr(text), "cause": str(error)}
        ) from error
    return text


def _bounds_of(parse: Any) -> Any:
    def validate(value: Any) -> Bounds:
        try:
            bounds = parse_bounds(value if isinstance(value, str) else f"{value}")
            lower, upper = (parse(part) if part else None for part in (bounds.lower, bounds.upper))
        except ValueError as error:
            raise PydanticCustomError("unit", "{cause}", {"cause": str(error)}) from error
        if lower is not None and upper is not None and lower > upper:
            raise PydanticCustomError("bounds", "{found} matches nothing: it ends before it begins", {"found": value})
        return bounds

    return validate


def _priority(value: Any) -> Any:
    number = PRIORITIES.get(value.lower()) if isinstance(value, str) else value
    if number not in PRIORITIES.values() or isinstance(number, bool):
        names = ", ".join(f"{name} ({level})" for name, level in PRIORITIES.items())
        raise PydanticCustomError(
            "priority", "{found} is not a priority; write one of {names}", {"found": repr(value), "names": names}
        )
    return number


def _copies(value: Any) -> Any:
    return None if value == "all" else value


class RuleMatchSection(Section):
    """What a rule applies to; what is absent matches everything."""

    data_type: Annotated[list[DataType], BeforeValidator(as_list), Field(min_length=1)] | None = None
    config_key: str | None = None
    path: str | None = None
    size: Annotated[Bounds, BeforeValidator(_bounds_of(parse_size))] | None = None
    age: Annotated[Bounds, BeforeValidator(_bounds_of(parse_duration))] | None = None
    region: str | None = None


class Place(Section):
    """Where copies belong: a selector, and how many of those it picks (absent or ``all``: every one)."""

    selector: Annotated[str, AfterValidator(_selector)]
    copies: Annotated[Annotated[Integer, Field(ge=1)] | None, BeforeValidator(_copies)] = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return {"selector": value} if isinstance(value, str) else value


class Rule(Section):
    """One rule. The first rule of the file that matches an entry decides; the built-in ones come last."""

    name: Annotated[str, Field(min_length=1)]
    match: RuleMatchSection | None = None
    place: Annotated[list[Place], BeforeValidator(as_list), Field(min_length=1)]
    priority: Annotated[int, BeforeValidator(_priority)] = PRIORITIES["normal"]
    deadline: Duration | None = None
    via: Annotated[list[Transport], BeforeValidator(as_list)] | None = None


class RulesFile(Section):
    """``data_plane.rules_file``: a file of rules alone, which count after those of the configuration file."""

    rules: list[Rule] | None = None
