"""Whether this node can reach a data server: one short request, nothing followed, nothing downloaded."""

from __future__ import annotations

from typing import Any, Dict

LONGEST_REASON = 200


def probe_http(host: str, port: int, target: str, seconds: float) -> Dict[str, Any]:
    """Return {status, reason}: what a GET of ``target`` was answered with, or status None and why there was no answer.

    ``seconds`` limits the connecting and each wait for the answer.
    """
    import http.client  # It takes long to import, and most sessions never probe.

    connection = http.client.HTTPConnection(host, port, timeout=seconds)
    try:
        connection.request("GET", target, headers={"Accept-Encoding": "identity", "Connection": "close"})
        answer = connection.getresponse()
        return {"status": answer.status, "reason": answer.reason[:LONGEST_REASON]}
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return {"status": None, "reason": str(reason)[:LONGEST_REASON]}
    finally:
        connection.close()
