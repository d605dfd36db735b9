"""The one way in which a glob is matched against a name."""

from __future__ import annotations

from fnmatch import fnmatchcase


def glob_matches(name: str, glob: str) -> bool:
    """Return whether a glob (``*``, ``?``, ``[...]``) matches a whole name, whatever the case of either.

    Hosts, config keys and regions ignore case. What tells two files apart by case, a path, is not matched here.
    """
    return glob == "*" or fnmatchcase(name.lower(), glob.lower())
