"""What the file says of bandwidth: when which limit holds, and where the plain ones are written."""

from __future__ import annotations

from config.document import Document, Path
from config.schema.cluster import ClusterFile
from config.settings import node_bandwidths, override_name
from config.timetable import TimetableRow
from config.types import BandwidthSettings, BandwidthSource


def build_bandwidth(document: Document, cluster: ClusterFile) -> BandwidthSettings:
    """Return the timetable, the limit of each transfer, and the lines that set the plain limits."""
    section = cluster.plane.bandwidth
    path: Path = ("data_plane", "bandwidth", "timetable")
    rows = tuple(
        TimetableRow(
            days=row.days,
            start=row.hours[0],
            end=row.hours[1],
            limit_bytes_per_second=None if row.limit == "none" else row.limit,
            node=row.node,
            line=document.line((*path, index)),
        )
        for index, row in enumerate((section.timetable if section else None) or [])
    )
    return BandwidthSettings(
        timetable=rows,
        per_transfer_bytes_per_second=section.per_transfer if section else None,
        per_transfer_line=document.line(("data_plane", "bandwidth", "per_transfer")),
        fleet_source=_fleet_source(document, cluster),
        node_sources=_node_sources(document, cluster),
    )


def _fleet_source(document: Document, cluster: ClusterFile) -> BandwidthSource | None:
    stated = (
        (cluster.sync.bandwidth_limit_mbps, ("auto_sync", "bandwidth_limit_mbps")),
        (cluster.plane.bandwidth_limit, ("data_plane", "bandwidth_limit")),
        (cluster.plane.default_bandwidth_limit_mbps, ("data_plane", "default_bandwidth_limit_mbps")),
    )
    return next((_source(document, path) for value, path in stated if value is not None), None)


def _node_sources(document: Document, cluster: ClusterFile) -> dict[str, BandwidthSource]:
    overrides = cluster.sync.host_bandwidth_overrides or {}
    sources: dict[str, BandwidthSource] = {}
    for name in node_bandwidths(cluster):
        glob = override_name(name, overrides)
        if glob is not None:
            sources[name] = _source(document, ("auto_sync", "host_bandwidth_overrides", glob))
        else:
            sources[name] = _source(document, ("data_plane", "nodes", name, "bandwidth_limit"))
    return sources


def _source(document: Document, path: Path) -> BandwidthSource:
    return BandwidthSource(document.dotted(path), document.line(path))
