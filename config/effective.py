"""The one effective policy: everything that the file means, resolved once and handed to the engine."""

from __future__ import annotations

from dataclasses import replace

from config.bandwidth import build_bandwidth
from config.decisions import build_decisions
from config.document import Document
from config.nodes import build_nodes
from config.rules import build_rules
from config.rules_file import RulesApart, digest_with
from config.schema.cluster import ClusterFile
from config.settings import build_engine_settings, build_thresholds, replication_target
from config.types import Policy


def resolve(document: Document, cluster: ClusterFile, apart: RulesApart | None = None) -> Policy:
    """Return the policy that a validated file amounts to; pure, the same file always gives the same policy.

    ``apart`` is its file of rules, where it names one.
    """
    target = replication_target(cluster)
    stated = ("sync_routing", "replication_target")
    fallback = ("data_plane", "min_replication_factor")
    return Policy(
        file=document.file,
        digest=digest_with(document.digest, apart),
        nodes=build_nodes(document, cluster),
        decisions=build_decisions(document, cluster),
        rules=build_rules(document, cluster, target, apart),
        thresholds=build_thresholds(cluster),
        engine=replace(build_engine_settings(cluster), bandwidth=build_bandwidth(document, cluster)),
        replication_target=target,
        replication_target_line=document.line(stated) or document.line(fallback),
        max_disk_line=document.line(("sync_routing", "max_disk_usage_percent")),
    )
