"""The scene of a rented box that began anew: what was saved of the lost one is larger, and blocks what it plays."""

from __future__ import annotations

from engine.views import RefusalView
from engine.views_keeping import KeepPreview, KeepRequest, KeepStep

_BOX = "vast-70000274"
_SHA256 = "3f9ac1d20b7e" + "5" * 52
_NAME = "selfplay_hex8_2p"
_KEY = f"games:{_NAME}.db@{_BOX}"
_PLACES = (
    ("mac-studio:/Volumes/Data", f"/Volumes/Data/games/synced/{_BOX}"),
    ("nebius-h100-3", f"/root/ai-service/data/games/synced/{_BOX}"),
)
_MODEL = "canonical_hex8_3p"
_STEPS = (
    *(
        KeepStep(
            _KEY, "smaller", place.split(":")[0], place, f"{folder}/{_NAME}.db",
            f"games:{_NAME}.kept-{_SHA256[:12]}.db@{_BOX}", f"{folder}/{_NAME}.kept-{_SHA256[:12]}.db",
            4_210_000_000, 18_400_000, _SHA256,
        )
        for place, folder in _PLACES
    ),
    KeepStep(
        f"models:{_MODEL}.pth", "diverged", "nebius-h100-2", "nebius-h100-2",
        f"/root/ai-service/models/{_MODEL}.pth", f"models:{_MODEL}.kept-77ab01c4e92d.pth",
        f"/root/ai-service/models/{_MODEL}.kept-77ab01c4e92d.pth", 96_000_000, 98_000_000, "77ab01c4e92d" + "0" * 52,
    ),
)  # fmt: skip
_REFUSED = (
    RefusalView(_KEY, "lambda-gh200-2", "lambda-gh200-2 is lost",
                "wait until it answers again; `syncdeck nodes test lambda-gh200-2` tells why it does not", "", None),
    RefusalView("npz:square8_2p.npz", "vultr-a100-2", "the copy there is damaged",
                "inspect /root/ai-service/data/training/square8_2p.npz on vultr-a100-2 and move it away, then look"
                " again", "", None),
)  # fmt: skip


def keep_of(request: KeepRequest) -> KeepPreview:
    """Return what keeping both would do: of files that are not in the way, nothing."""
    keys = {*request.keys, *(key for key, _ in request.places)}
    steps = tuple(step for step in _STEPS if not keys or step.key in keys)
    refused = _REFUSED if not keys else tuple(_calm(key) for key in sorted(keys - {step.key for step in steps}))
    return KeepPreview(
        request, len(steps), sum(step.size_bytes for step in steps), len(steps), steps, refused
    )  # fmt: skip


def _calm(key: str) -> RefusalView:
    words = "no copy of it stands in the way of a new version", "see `syncdeck catalog where`"
    return RefusalView(key, "", *words, "", None)
