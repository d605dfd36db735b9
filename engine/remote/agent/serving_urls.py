"""Signed URLs: a data server serves what the engine that started it has signed, and nothing else.

Both sides use this module: the engine signs, the server checks.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Dict, List, NamedTuple, Optional, Tuple
from urllib.parse import quote, unquote_to_bytes

DATA_PATH = "/v1/data"
HEALTH_PATH = "/v1/health"
BATCH_PATH = "/v1/batch"
# What a stat is called in a URL for a file that is still being written by us.
NO_STAT = "partial"


class Grant(NamedTuple):
    """Leave to read one file, lying in ``root``, up to ``expires_at`` (seconds since the epoch, the engine's clock).

    ``stat`` is what the file must still be, None for a temporary file of ours.
    """

    path: str
    root: str
    expires_at: int
    stat: Optional[List[int]]


def data_url(secret: bytes, grant: Grant) -> str:
    """Return the path and query of a URL that grants one file."""
    fields = {"path": grant.path, "root": grant.root, "exp": str(grant.expires_at), "stat": _stat_text(grant.stat)}
    return "%s?%s" % (DATA_PATH, _signed(secret, DATA_PATH, fields))


def health_url(secret: bytes, expires_at: int) -> str:
    """Return the path and query of a URL that only the server with this very secret finds right."""
    return "%s?%s" % (HEALTH_PATH, _signed(secret, HEALTH_PATH, {"exp": str(expires_at)}))


def batch_url(secret: bytes, name: str, word: str, expires_at: int) -> str:
    """Return the path and query of a URL whose connection is handed over to the agent that awaits it as ``name``.

    ``word`` tells it for which of its batches.
    """
    fields = {"name": name, "word": word, "exp": str(expires_at)}
    return "%s?%s" % (BATCH_PATH, _signed(secret, BATCH_PATH, fields))


def read_data_query(secret: bytes, query: str, now: float) -> Optional[Grant]:
    """Return what a query grants, or None: not signed by us, expired, or no query of this form."""
    fields = _checked(secret, DATA_PATH, query, ("path", "root", "exp", "stat"), now)
    if fields is None:
        return None
    stat = None if fields["stat"] == NO_STAT else [int(part) for part in fields["stat"].split(".")]
    return Grant(fields["path"], fields["root"], int(fields["exp"]), stat)


def read_batch_query(secret: bytes, query: str, now: float) -> Optional[Tuple[str, str]]:
    """Return the name to which a query grants to be handed over, and the word for it, or None, as for data."""
    fields = _checked(secret, BATCH_PATH, query, ("name", "word", "exp"), now)
    return None if fields is None else (fields["name"], fields["word"])


def is_our_health_query(secret: bytes, query: str, now: float) -> bool:
    """Return whether a query for the server's health was signed with its secret and holds still."""
    return _checked(secret, HEALTH_PATH, query, ("exp",), now) is not None


def _stat_text(stat: Optional[List[int]]) -> str:
    return NO_STAT if stat is None else ".".join("%d" % part for part in stat)


def _signed(secret: bytes, what: str, fields: Dict[str, str]) -> str:
    pairs = [(name, quote(value.encode("utf-8", "surrogateescape"), safe="")) for name, value in fields.items()]
    return "&".join(["%s=%s" % pair for pair in pairs] + ["sig=%s" % _signature(secret, what, fields)])


def _signature(secret: bytes, what: str, fields: Dict[str, str]) -> str:
    """JSON keeps the fields apart, whatever is in them; the method is no part, so that HEAD asks about a GET."""
    text = json.dumps([what, sorted(fields.items())], separators=(",", ":"))
    return hmac.new(secret, text.encode("ascii"), hashlib.sha256).hexdigest()


def _checked(secret: bytes, what: str, query: str, names: "tuple[str, ...]", now: float) -> Optional[Dict[str, str]]:
    """Return the fields when exactly these are there, each once, signed and not expired."""
    fields: Dict[str, str] = {}
    for pair in query.split("&"):
        name, separator, value = pair.partition("=")
        if not separator or name in fields:
            return None
        fields[name] = unquote_to_bytes(value).decode("utf-8", "surrogateescape")
    signature = fields.pop("sig", "")
    if sorted(fields) != sorted(names):
        return None
    right = _signature(secret, what, fields).encode("ascii")
    if not hmac.compare_digest(signature.encode("utf-8", "surrogateescape"), right) or now >= int(fields["exp"]):
        return None
    return fields
