"""How bad a finding is, and the keys that mend one: the keys of the console's action table."""

from __future__ import annotations

CRITICAL = "critical"
WARNING = "warning"
NOTE = "note"
ORDER = {CRITICAL: 0, WARNING: 1, NOTE: 2}

KEY_SYNC = "s"
KEY_EMERGENCY = "e"
KEY_RESCAN = "n"
KEY_RUN = "R"
KEY_CATALOG = "2"
KEY_TRANSFERS = "3"
KEY_ARCHIVE = "5"
KEY_ROUTING = "6"
KEY_RULE_RESTORE = "B"
"""It puts a rule back that vanished from the file."""
