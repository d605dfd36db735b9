"""A preset read from its YAML file into frozen values."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import resources
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

from config.types import DataType

FileKindName = Literal["sqlite", "zip", "plain"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Ignored(_Part):
    """Names that are never data."""

    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()


class Temporary(_Part):
    """How our own temporary files are recognised: by a prefix and a mark inside the name."""

    prefix: str
    mark: str


class Infrastructure(_Part):
    """Files of the cluster software itself: globs over the name without suffix, and folder names."""

    suffixes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


class TypePattern(_Part):
    """File name globs that make a file of one type, and how such a file is read and checked."""

    type: DataType
    names: tuple[str, ...]
    kind: FileKindName


class ConfigKeys(_Part):
    """The grammar of config keys: board names with their aliases, player counts, separators between the two."""

    boards: Mapping[str, tuple[str, ...]]
    players: tuple[int, ...]
    separators: str


class Preset(_Part):
    """One fleet's file names."""

    name: str
    ignored: Ignored
    temporary: Temporary
    infrastructure: Infrastructure
    types: tuple[TypePattern, ...]
    config_keys: ConfigKeys

    def all_config_keys(self) -> tuple[str, ...]:
        """Return every config key that the grammar can name, in the preset's order."""
        keys = self.config_keys
        return tuple(f"{board}_{count}p" for board in keys.boards for count in keys.players)


def parse_preset(text: str) -> Preset:
    """Return the preset written in ``text``; raises ``yaml.YAMLError`` or ``pydantic.ValidationError``."""
    return Preset.model_validate(yaml.safe_load(text))


@functools.cache
def ringrift() -> Preset:
    """Return the shipped preset for RingRift."""
    return parse_preset(resources.files("config.presets").joinpath("ringrift.yaml").read_text(encoding="utf-8"))
