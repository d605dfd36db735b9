"""The catalog as others use it: the single source of truth for where data is."""

from __future__ import annotations

from engine.catalog.aggregates import Aggregates
from engine.catalog.bulk import BulkEvidence
from engine.catalog.evidence import EvidenceRecorder
from engine.catalog.exposure import Exposure
from engine.catalog.ledger import Ledger
from engine.catalog.queries import Queries
from engine.catalog.registry import Registry
from engine.catalog.scans import Scans
from engine.catalog.values import ScannedRecord
from engine.catalog.windows import Windows

__all__ = ["DataCatalog", "ScannedRecord"]


class DataCatalog(Scans, EvidenceRecorder, BulkEvidence, Registry, Queries, Aggregates, Exposure, Windows, Ledger):
    """Entries, versions and replicas, and what is known of the fleet. ``DataCatalog(store, clock)``.

    Writing methods return once what they wrote is durable; reading methods run in threads. All raise StoreError.
    """
