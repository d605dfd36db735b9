"""The whole schema in one import: every table, the metadata that holds them, and its revision."""

from __future__ import annotations

from engine.store.archive_tables import archives, holds, pins, proofs, readings, restores
from engine.store.catalog_tables import entries, locations, replicas, versions
from engine.store.fleet_tables import audit, counters, link_decisions, links, meta, nodes, storage_samples
from engine.store.metadata import APPLICATION_ID, REVISION, metadata
from engine.store.queue_tables import attempts, edges, transfers, transport_failures
from engine.store.rescue_tables import rescue_files, rescues

__all__ = [
    "APPLICATION_ID",
    "REVISION",
    "archives",
    "attempts",
    "audit",
    "counters",
    "edges",
    "entries",
    "holds",
    "link_decisions",
    "links",
    "locations",
    "meta",
    "metadata",
    "nodes",
    "pins",
    "proofs",
    "readings",
    "replicas",
    "rescue_files",
    "rescues",
    "restores",
    "storage_samples",
    "transfers",
    "transport_failures",
    "versions",
]
