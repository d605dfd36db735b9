"""Which data a file holds, judged by its path alone: data type, config key, and how it must be read.

The names and the grammar are data (``config/presets``); this file only interprets them.
"""

from __future__ import annotations

import fnmatch
import functools
import re
from dataclasses import dataclass

from config.presets.preset import FileKindName, Preset, ringrift
from config.types import DataType

REMEMBERED = 8_192
"""Paths whose answer is kept: those of all transfers that may run at once, which are shown again and again."""


@dataclass(frozen=True, slots=True)
class Classification:
    """What a path says of its file. ``data_type`` is None for everything that is not fleet data."""

    data_type: DataType | None
    config_key: str | None
    kind: FileKindName


class Classifier:
    """Interprets one preset; cheap to call a million times."""

    def __init__(self, preset: Preset) -> None:
        self._preset = preset
        self._ignored_prefixes = preset.ignored.prefixes
        self._ignored_suffixes = preset.ignored.suffixes
        self._infrastructure = _compile_globs(preset.infrastructure.names)
        self._infrastructure_folders = frozenset(preset.infrastructure.folders)
        self._types = tuple((_compile_globs(t.names), t.type, t.kind) for t in preset.types)
        self._aliases = {alias: board for board, aliases in preset.config_keys.boards.items() for alias in aliases}
        self._key_pattern = _key_pattern(preset)

    def classify(self, path: str) -> Classification:
        """Return what ``path`` (absolute or relative, ``/`` between folders) names."""
        *folders, name = path.lower().split("/")
        key = self._config_key([*folders, name])
        if self._is_ignored(name) or self._is_infrastructure(folders, name):
            return Classification(None, key, "plain")
        for pattern, data_type, kind in self._types:
            if pattern.match(name):
                return Classification(data_type, key, kind)
        return Classification(None, key, "plain")

    def config_key(self, path: str) -> str | None:
        """Return the config key that a path holds: the file name's, else that of the nearest folder."""
        return self._config_key(path.lower().split("/"))

    def _config_key(self, parts: list[str]) -> str | None:
        return next((key for part in reversed(parts) if (key := self._key_in(part)) is not None), None)

    def _key_in(self, name: str) -> str | None:
        """Return the first config key in one name; a token written with ``p`` goes before one without."""
        without_p: str | None = None
        for match in self._key_pattern.finditer(name):
            key = f"{self._aliases[match['board']]}_{match['players']}p"
            if match["p"]:
                return key
            without_p = without_p or key
        return without_p

    def _is_ignored(self, name: str) -> bool:
        temporary = self._preset.temporary
        return (
            name.endswith(self._ignored_suffixes)
            or name.startswith(self._ignored_prefixes)
            or (name.startswith(temporary.prefix) and temporary.mark in name)
        )

    def _is_infrastructure(self, folders: list[str], name: str) -> bool:
        suffix = next((s for s in self._preset.infrastructure.suffixes if name.endswith(s)), None)
        if suffix is None:
            return False
        stem = name.removesuffix(suffix)
        return bool(self._infrastructure.match(stem)) or not self._infrastructure_folders.isdisjoint(folders)


def _compile_globs(globs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(glob) for glob in globs) or r"(?!)")


def _key_pattern(preset: Preset) -> re.Pattern[str]:
    """A token ends at anything but a letter or a digit, on both sides: complex8 and hex80 hold no hex8."""
    keys = preset.config_keys
    aliases = sorted((alias for names in keys.boards.values() for alias in names), key=len, reverse=True)
    board = "|".join(re.escape(alias) for alias in aliases)
    players = "|".join(str(count) for count in keys.players)
    letter = r"[^\W_]"
    return re.compile(
        rf"(?<!{letter})(?P<board>{board})[{re.escape(keys.separators)}](?P<players>{players})(?P<p>p?)(?!{letter})"
    )


@functools.cache
def default_classifier() -> Classifier:
    """Return the classifier of the shipped preset."""
    return Classifier(ringrift())


@functools.lru_cache(maxsize=REMEMBERED)
def classify(path: str) -> Classification:
    """Return what ``path`` names, by the shipped preset."""
    return default_classifier().classify(path)
