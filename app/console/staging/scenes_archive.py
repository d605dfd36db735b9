"""The script's drives and archives: what fills them, what may go, what is protected. All made up."""

from __future__ import annotations

from dataclasses import replace

from app.console.present.units import DAY, HOUR, MINUTE
from app.console.staging.scripted_levers import LeverScript
from engine.views_archive import (
    ArchivePolicyView,
    ArchivePreview,
    ArchiveRequest,
    ArchiveRow,
    ArchiveStep,
    CandidateRow,
    GamesView,
    UsageRow,
    UsageView,
)

NOW = 1_767_225_600.0
GB = 1_000_000_000
DRIVE = "mac-studio:/Volumes/Data"
_GAMES = GamesView(41_204, 41_204, 0, 17, NOW - 9 * MINUTE)
_UNIQUE = GamesView(12_800, 12_788, 12, 0, NOW - 9 * MINUTE)


def usage_of(location: str, path: str) -> UsageView:
    """Return what fills a folder of the script's drives."""
    share = 10 if location == DRIVE else 1
    rows: tuple[UsageRow, ...] = ()
    if path == "":
        rows = (
            UsageRow(location, "games", 4_100, 310 * GB * share, 0, 0, 2 * GB, 3),
            UsageRow(location, "tmp_exports", 212, 0, 0, 0, 96 * GB * share, 1),
            UsageRow(location, "archives", 88, 0, 71 * GB * share, 0, 0, 12),
            UsageRow(location, "training", 640, 44 * GB * share, 0, 6 * GB * share, 0, 2),
            UsageRow(location, "merged_all_20251104.db", 1, 9 * GB * share, 0, 0, 0, 0),
        )
    elif path == "games":
        rows = (
            UsageRow(location, "games/synced", 3_900, 240 * GB * share, 0, 0, 0, 40),
            UsageRow(location, "games/raw_20251101", 160, 70 * GB * share, 0, 0, 0, 0),
        )
    return UsageView(NOW - 4 * MINUTE, location, path, rows)


_CANDIDATES = (
    CandidateRow("games:merged_all_20251104.db", DRIVE, "mac-studio", "games/merged_all_20251104.db", 90 * GB,
                 58.0 * DAY, ("merged copy of 11 November databases", "unchanged for 58 days"), None, 2, _GAMES, 1),
    CandidateRow("games:raw_20251101/batch_07.db@vast-70000274", DRIVE, "mac-studio",
                 "games/raw_20251101/batch_07.db", 31 * GB, 61.0 * DAY,
                 ("superseded: its games are in canonical_hex8_2p.db",), None, 2, _GAMES, 2),
    CandidateRow("checkpoint:hex8_2p/epoch_0040.pth", "nebius-h100-1", "nebius-h100-1",
                 "checkpoints/hex8_2p/epoch_0040.pth", 4 * GB, 40.0 * DAY, ("older than 30 days",), None, 1, None, 3),
    CandidateRow("games:canonical_hex8_2p.db", DRIVE, "mac-studio", "games/canonical_hex8_2p.db", 44 * GB, 35.0 * DAY,
                 ("large",), "canonical databases are never archived (protect: canonical_*)", 3, None, 4),
    CandidateRow("games:selfplay_square19_3p.db@vast-70000274", DRIVE, "mac-studio",
                 "games/synced/vast-70000274/selfplay_square19_3p.db", 12 * GB, 33.0 * DAY, ("older than 30 days",),
                 "12 games exist only here", 1, _UNIQUE, 5),
    CandidateRow("npz:hex8_2p.npz", "nebius-h100-3", "nebius-h100-3", "training/hex8_2p.npz", 3 * GB, 0.2 * DAY,
                 ("large",), "newest training set of hex8_2p: a trainer reads it", 3, None, 6),
)  # fmt: skip


def candidate_at(index: int) -> CandidateRow:
    """Return the candidate at a position; after the first few any number of alike ones."""
    if index < len(_CANDIDATES):
        return _CANDIDATES[index]
    name = f"games_{index:07d}.db"
    return replace(_CANDIDATES[1], key=f"games:{name}", path=f"games/{name}", entry_id=index + 1, size_bytes=20_000_000)


def _archive(number: int, name: str, state: str, size: int, **more: object) -> ArchiveRow:
    base = ArchiveRow(
        number, f"games:{name}", DRIVE, f"archives/{name}.0f3a9c11d2e4.zst", "nebius-h100-1", f"data/games/{name}",
        "deleted", size, size // 3, "zstd", "0f3a9c11d2e4" + "7b" * 26, NOW - 3 * DAY, NOW - 2 * DAY, state,
    )  # fmt: skip
    return replace(base, **more)  # type: ignore[arg-type]


_ARCHIVES = (
    _archive(9, "raw_20251102/batch_01.db", "writing", 28 * GB, archive_bytes=0, verified_at=None, original="kept",
             created_at=NOW - 90, bytes_done=11 * GB, bytes_per_second=184_000_000.0, sha256=""),
    _archive(8, "old_hexagonal_4p.db", "restoring", 6 * GB, bytes_done=5 * GB, bytes_per_second=96_000_000.0),
    _archive(7, "merged_all_20251003.db", "failed", 80 * GB, verified_at=None, original="kept",
             reason="read back differently from what was written at byte 1,310,720; the original stays"),
    *(_archive(index, f"raw_2025100{index}/batch_00.db", "verified", (40 - index) * GB) for index in range(6, 0, -1)),
)  # fmt: skip


def preview_of(request: ArchiveRequest) -> ArchivePreview:
    """Return what archiving would do; what is protected is refused."""
    rows = [row for row in _CANDIDATES if row.key in request.keys]
    goes = [row for row in rows if row.protected is None]
    after = 0 if request.delete_original else 1
    steps = tuple(
        ArchiveStep(
            row.key, row.location, row.size_bytes, row.durable_copies, row.durable_copies + after,
        "verified on nebius-h100-3 9 m ago; the archive replaces the original once it is read back in full",
        )
        for row in goes
    )  # fmt: skip
    refused = tuple(
        (row.key, row.protected or "", "Archive it after its games are merged, or unpin it.")
        for row in rows
        if row.protected is not None
    )
    size = sum(row.size_bytes for row in goes)
    freed = size - size // 3 if request.delete_original else -(size // 3)
    return ArchivePreview(request, steps, size, size // 3, freed, f"{DRIVE} archives/", size / 180e6 or None, refused)


def archive_script(trouble: bool) -> LeverScript:
    """Return the archive side of the script: quiet, or with drives above their limit."""
    would = "would archive 2 files, 121 GB, to bring mac-studio:drive from 83 % to 70 %"
    policy = ArchivePolicyView(
        False, would if trouble else "", NOW - 2 * DAY, "3 of 3 archives restored and compared",
        (("vast-70000274", 95.0, NOW + 5 * HOUR + 60),) if trouble else (),
    )  # fmt: skip
    archives = _ARCHIVES if trouble else _ARCHIVES[3:]
    return LeverScript(
        usage_of=usage_of, candidates=len(_CANDIDATES), candidate_at=candidate_at, free_bytes=83 * GB,
        archives=archives, preview_of=preview_of, policy=policy,
    )  # fmt: skip
