"""The script's routing rules: sane, contradictory, vanished; and what drafts of them would mean. All made up."""

from __future__ import annotations

from dataclasses import replace

from config.editing.errors import EditRefused
from config.editing.rules import parse_rule
from engine.views_rules import (
    DraftCheck,
    ExplainView,
    FixView,
    NodeEffect,
    RuleDraft,
    RuleNote,
    RuleRow,
    RulesView,
    SimulationView,
    TrialView,
    Unplaced,
)

NOW = 1_767_225_600.0
GB = 1_000_000_000

_EUROPE = """name: big hexagonal sets stay in Europe
match: {data_type: [npz], config_key: "hexagonal_*", size: ">500MB"}
place:
  - {selector: "durable & region=eu-*", copies: 2}  # the drive counts
  - {selector: external}
priority: high
deadline: 2h
via: [rsync]
"""
_TRAINERS = """name: hex8 games to the trainers
match: {data_type: [games], config_key: "hex8_*"}
place: role=*training* & status=ready
"""
_OLD = """name: night copies
match: {data_type: [games], age: ">30d"}
place:
  - {selector: "node=nebius-h100-9", copies: 1}
"""
_RULES = (
    RuleRow("big hexagonal sets stay in Europe", "file", 31, "npz, hexagonal_*, >500MB",
            "2 of durable & region=eu-*; external", "high", 7200.0, ("rsync",), 412, 901 * GB, _EUROPE),
    RuleRow("hex8 games to the trainers", "file", 40, "games, hex8_*", "all of role=*training* & status=ready",
            "normal", None, (), 18_204, 2_210 * GB, _TRAINERS),
    RuleRow("built-in games", "built-in", None, "games", "drives; 3 of durable; training", "normal", None, (), 21_800,
            3_904 * GB, ""),
    RuleRow("built-in npz", "built-in", None, "npz", "drives; 2 of durable; training", "normal", None, (), 7_230,
            1_120 * GB, ""),
    RuleRow("built-in models", "built-in", None, "models", "drives; 2 of durable; GPUs", "high", None, (), 565,
            48 * GB, ""),
)  # fmt: skip
_CONTRADICTIONS = (
    RuleRow("night copies", "file", 45, "games, older than 30 d", "1 of node=nebius-h100-9", "normal", None, (),
            0, 0, _OLD),
    RuleRow("models to vast", "file", None, "models", "provider=vast", "normal", None, (), 0, 0,
            "name: models to vast\nmatch: {data_type: [models]}\nplace: provider=vast\n", vanished=True),
)  # fmt: skip
_FIXES = (
    FixView("excluded-and-allowed:mac-studio", "error", (18, 24),
            "mac-studio is in excluded_hosts (line 18) and its drive is allowed external storage (line 24)",
            "remove mac-studio from excluded_hosts: line 24 decides for its drive",
            "--- distributed_hosts.yaml\n+++ distributed_hosts.yaml\n@@ -16,5 +16,4 @@\n   excluded_hosts:\n"
            "     - hetzner-cpu1\n-    - mac-studio\n     - hetzner-cpu2\n   priority_hosts: []"),
    FixView("rule-vanished:models to vast", "error", (),
            "rule models to vast was saved from here and is gone from the file", "put rule models to vast back",
            "@@ -46,0 +47,2 @@\n+    - name: models to vast\n+      place: [provider=vast]"),
)  # fmt: skip
_NOTES = (
    RuleNote("warning", 47, 19, "night copies: the selector node=nebius-h100-9 matches no place",
             "correct the selector, or let a host that it selects receive"),
    RuleNote("note", 12, 3, "target and max disk usage are the same (70 %)", "lower target_disk_usage_percent to 60"),
)  # fmt: skip


def rules_view(trouble: bool) -> RulesView:
    """Return the rules: sane, or with contradictions and a vanished rule."""
    if not trouble:
        return RulesView(NOW, "/etc/syncdeck/distributed_hosts.yaml", "d1", _RULES, (), (), None)
    rules = (*_RULES[:2], *_CONTRADICTIONS, *_RULES[2:])
    undo = "the edit of big hexagonal sets stay in Europe, 12 m ago"
    return RulesView(NOW, "/etc/syncdeck/distributed_hosts.yaml", "d1", rules, _NOTES, _FIXES, undo)


def check_of(draft: RuleDraft) -> DraftCheck:
    """Return what a draft would mean; a selector of the unknown and broken YAML are mistakes."""
    if draft.fix_id is not None:
        return DraftCheck((), next(fix.diff for fix in _FIXES if fix.id == draft.fix_id), _simulation(2, 31 * GB))
    if not draft.yaml:
        return DraftCheck((), f"@@ -40,4 +40,0 @@\n-    - name: {draft.replaces}", _simulation(0, 0))
    try:
        rule = parse_rule(draft.yaml)
    except EditRefused as error:
        return DraftCheck((RuleNote("error", error.line or 1, 1, error.cause, error.remedy),), "", None)
    for number, line in enumerate(draft.yaml.splitlines(), start=1):
        if "regoin" in line:
            mistake = RuleNote("error", number, line.index("regoin") + 1, "regoin is not a key that a selector knows",
                               "write region")  # fmt: skip
            return DraftCheck((mistake,), "", None)
    before = next((row.yaml for row in (*_RULES, *_CONTRADICTIONS) if row.name == draft.replaces), "")
    if before == draft.yaml and draft.position is None:
        return DraftCheck((), "", _simulation(0, 0))
    old = "".join(f"-      {line}\n" for line in before.splitlines() if line not in draft.yaml.splitlines())
    new = "".join(f"+      {line}\n" for line in draft.yaml.splitlines() if line not in before.splitlines())
    return DraftCheck((), f"@@ -31,8 +31,8 @@ {rule['name']}\n{old}{new}", _simulation(1_204, 388 * GB))


def trial_of(done: int, entries: int) -> TrialView:
    """Return a trial that is still going on."""
    found = _simulation(1_204, 388 * GB)
    return TrialView(done, replace(found, entries=entries))


def _simulation(files: int, size: int) -> SimulationView:
    if not files:
        return SimulationView(48_211, 0.21, 0, 0, (), ())
    nodes = (
        NodeEffect("nebius-h100-3", files, size // 2, 0, 0, 61.0, 79.0),
        NodeEffect("mac-studio:/Volumes/Data", files // 2, size // 2, 12, 4 * GB, 83.0, 88.0),
        NodeEffect("lambda-gh200-2", 0, 0, 310, 92 * GB, 31.0, 31.0),
    )
    why = "vast-70000274 would be over max 85 %"
    unplaced = (Unplaced(why, 40, 12 * GB, "games:selfplay/hex8_2p/games_0000031.db"),) if files > 2 else ()
    return SimulationView(48_211, 0.42, files, size, nodes[: 1 if files <= 2 else 3], unplaced)


def explain_of(key: str, node: str) -> ExplainView:
    """Return why a file is, or is not, at a node."""
    because: tuple[tuple[str, int | None], ...] = (
        ("status: ready", 7),
        ("excluded_hosts does not name it", 18),
        ("big hexagonal sets stay in Europe: does not match (npz only)", 31),
        ("hex8 games to the trainers: matches; role=*training* ✓, status=ready ✓", 40),
    )
    way = (
        (f"{node} does not answer since 03:12; its rsync breaker opens again in 40 s",)
        if node.endswith("h100-2")
        else ()
    )
    verdict = "The rule “hex8 games to the trainers” wants it there."
    return ExplainView(key, node, True, not way, verdict, because, way, f"syncdeck nodes test {node}" if way else "")
