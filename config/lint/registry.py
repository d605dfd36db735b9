"""Every lint rule, family by family. A new rule is one function and one line in its family's tuple."""

from __future__ import annotations

from config.lint import (
    addresses,
    bandwidth,
    engine_settings,
    exclusions,
    hosts,
    http,
    keys,
    names,
    routing_rules,
    s3,
    ssh,
    status,
    storage,
)
from config.lint.rule import LintRule

RULES: tuple[LintRule, ...] = (
    *exclusions.RULES,
    *storage.RULES,
    *status.RULES,
    *names.RULES,
    *addresses.RULES,
    *hosts.RULES,
    *bandwidth.RULES,
    *keys.RULES,
    *routing_rules.RULES,
    *s3.RULES,
    *engine_settings.RULES,
    *http.RULES,
    *ssh.RULES,
)
