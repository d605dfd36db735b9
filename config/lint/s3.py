"""S3, which the file may speak of already although nothing goes there yet."""

from __future__ import annotations

from collections.abc import Iterator

from config.document import Path
from config.lint.rule import Context, Hit, LintRule
from config.types import Severity, Transport

_ABSENT = "S3 is not built yet, so nothing goes to or comes from a bucket"


def _switches(context: Context) -> Iterator[tuple[str, Path]]:
    """Yield what switches S3 on, by its name and its place in the file."""
    section, plane = context.cluster.routing.s3, context.cluster.plane
    if section is not None and section.enabled:
        yield "s3 is enabled", ("sync_routing", "s3", "enabled")
    if plane.s3_enabled:
        yield "s3_enabled is true", ("data_plane", "s3_enabled")


def _not_built(context: Context) -> Iterator[Hit]:
    for what, where in _switches(context):
        yield Hit(where, f"{what}, but {_ABSENT}")
    for index, written in enumerate(context.cluster.routing.rules or ()):
        rule = context.policy.rules[index]
        if Transport.S3 in rule.via:
            others = [transport.value for transport in rule.via if transport is not Transport.S3]
            instead = ", ".join(others) or "the agent's stream"
            remedy = f"take s3 out of via; until it is built it is passed over, and {instead} is tried instead"
            yield Hit(("sync_routing", "rules", index, "via"), f"rule {written.name}: {_ABSENT}", remedy)


def _without_bucket(context: Context) -> Iterator[Hit]:
    if context.policy.engine.s3_bucket is None:
        yield from (Hit(where, f"{what}, but no bucket is named") for what, where in list(_switches(context))[:1])


RULES = (
    LintRule(
        "s3-not-built",
        Severity.WARNING,
        "S3 is enabled, or a rule's `via` names it, but it is not built yet",
        "write enabled: false; until it is built, copies on an external drive and at another provider are the backup",
        _not_built,
    ),
    LintRule(
        "s3-without-bucket",
        Severity.WARNING,
        "S3 is enabled, but no bucket is named",
        "disable s3: it is not built yet, so a bucket would not help",
        _without_bucket,
    ),
)
