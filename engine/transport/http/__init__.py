"""Fetching by ranges over plain HTTP: from our own data servers, or from those that the users run."""

from engine.transport.http.adapter import HttpTransport

__all__ = ["HttpTransport"]
