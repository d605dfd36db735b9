"""How bad a finding is, and the actions that mend one."""

from __future__ import annotations

CRITICAL = "critical"
WARNING = "warning"
NOTE = "note"
ORDER = {CRITICAL: 0, WARNING: 1, NOTE: 2}

SYNC = "sync"
EMERGENCY = "emergency"
RESCAN = "rescan"
RUN = "run"
SEE_CATALOG = "go_catalog"
SEE_TRANSFERS = "go_transfers"
SEE_ARCHIVE = "go_archive"
SEE_ROUTING = "go_routing"
KEEP_BOTH = "keep_both"
RULE_RESTORE = "rule_restore"
"""It puts a rule back that vanished from the file."""
ACTIONS = (SYNC, EMERGENCY, RESCAN, RUN, SEE_CATALOG, SEE_TRANSFERS, SEE_ARCHIVE, SEE_ROUTING, KEEP_BOTH, RULE_RESTORE)
"""What an operator can do about a finding, by the ids of the console's table of actions, which alone knows keys."""
