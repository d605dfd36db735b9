"""``data_plane.http``: fetching by ranges between nodes, from our own data servers and from those that run already."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from config.schema.base import Integer, Port, Section, as_list


def _network(value: str) -> str:
    """A network or a single address; what the mask leaves out is dropped."""
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        raise PydanticCustomError(
            "network", "{found} is not a network; write it like 192.0.2.0/24 or fd00::/8", {"found": repr(value)}
        ) from None


Network = Annotated[str, AfterValidator(_network)]


class HttpServer(Section):
    """One item of ``http.servers``: a plain file server that the users run on some of their hosts."""

    node: Annotated[str, Field(min_length=1)]
    port: Port
    root: str
    prefer: bool | None = None


class Http(Section):
    """``data_plane.http``; ``false`` alone switches it off."""

    enabled: bool | None = None
    port: Port | None = None
    networks: list[Network] | None = None
    connections: Annotated[Integer, Field(ge=1, le=64)] | None = None
    servers: list[HttpServer] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_short(cls, value: Any) -> Any:
        if isinstance(value, bool):
            return {"enabled": value}
        if isinstance(value, dict):
            return {key: as_list(item) if key in ("networks", "servers") else item for key, item in value.items()}
        return value
