"""What a transfer says of itself while it waits: short, and without folders that nobody needs."""

from __future__ import annotations

import pytest

from engine.errors import ErrorClass, TransferError
from engine.execution.outcomes import in_short


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ("vast-1 closed the connection", "vast-1 closed the connection"),
        ("cannot read /srv/ringrift/data/games/a.db: gone", "cannot read a.db: gone"),
        ("'/srv/x y/a.db' is damaged\nTraceback: line 3", "'x y/a.db' is damaged"),
        ("2 MB/s is less than 3/4 of the limit", "2 MB/s is less than 3/4 of the limit"),
        ("", "stream"),
    ],
)
def test_a_reason_is_one_line_with_files_by_name(cause: str, said: str) -> None:
    error = TransferError("stream", "vast-1: /tmp/lab/a.db", cause, "it is tried again", ErrorClass.TRANSIENT_NETWORK)
    assert in_short(error) == said
