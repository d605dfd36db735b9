"""What every section shares: unknown keys are kept, null means absent, quantities carry their units."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from config.units import parse_duration, parse_rate, parse_size

T = TypeVar("T")


class Section(BaseModel):
    """One mapping of the file. Keys that it does not know stay in ``model_extra``; lint looks at them."""

    model_config = ConfigDict(extra="allow", frozen=True)


def _refuse_bool(value: Any) -> Any:
    """YAML reads yes, no, on and off as booleans, and Python takes a boolean for a number."""
    if isinstance(value, bool):
        raise PydanticCustomError("int_type", "Input should be a number, not true or false")
    return value


def _with_unit(parse: Callable[[str], T], example: str) -> Callable[[Any], T]:
    """Return a validator for text with a unit; a bare number is refused, because nobody can tell its unit."""

    def validate(value: Any) -> T:
        if not isinstance(value, str):
            raise PydanticCustomError(
                "unit", "{found} has no unit; write it like {example}", {"found": repr(value), "example": example}
            )
        try:
            return parse(value)
        except ValueError as error:
            raise PydanticCustomError("unit", "{cause}", {"cause": str(error)}) from error

    return validate


def _seconds(value: Any) -> Any:
    """Seconds as a number, as the keys of old have them, or text with a unit."""
    if isinstance(value, str) and not value.replace(".", "", 1).isdecimal():
        return _with_unit(parse_duration, "90s")(value)
    return _refuse_bool(value)


def _address(value: str) -> str:
    """A plain string; but what ssh would take for an option, or two words, is no address."""
    if value.startswith("-") or any(character.isspace() or not character.isprintable() for character in value):
        raise PydanticCustomError("address", "{found} is not an address", {"found": repr(value)})
    return value


def _inner_folder(value: str) -> str:
    """A folder below another one: what leads out of that one would be written where nobody said."""
    if value.startswith(("/", "~")) or ".." in value.split("/"):
        raise PydanticCustomError("inner-folder", "{found} leads out of the drive's path", {"found": repr(value)})
    return value


def as_list(value: Any) -> Any:
    """Wrap a single item: one string or mapping is as good as a list of one."""
    return [value] if isinstance(value, str | dict) else value


Integer = Annotated[int, BeforeValidator(_refuse_bool)]
Number = Annotated[float, BeforeValidator(_refuse_bool), Field(allow_inf_nan=False)]
Percent = Annotated[Number, Field(ge=0, le=100)]
Port = Annotated[Integer, Field(ge=1, le=65_535)]
Duration = Annotated[float, BeforeValidator(_with_unit(parse_duration, "90s or 6h")), Field(gt=0)]
Size = Annotated[int, BeforeValidator(_with_unit(parse_size, "10 GiB")), Field(ge=0)]
Rate = Annotated[int, BeforeValidator(_with_unit(parse_rate, "20MB/s")), Field(gt=0)]
Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0, allow_inf_nan=False)]
Address = Annotated[str, AfterValidator(_address)]
InnerFolder = Annotated[str, AfterValidator(_inner_folder)]
NameList = list[str]
Anything = Any
"""A value that no part of syncdeck reads; kept as it is."""
