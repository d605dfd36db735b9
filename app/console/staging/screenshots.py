"""The README's pictures, made by a command from the script's scenes: SVG and PNG."""

from __future__ import annotations

import asyncio
import re
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from app.console.staging.scenes import failing_view, normal_view, scripted_client
from app.console.staging.stage import settle, staged_app
from app.console.themes import DARK, LIGHT
from engine.views import StatusView

FONTS = Path(__file__).parent / "fonts"
FONT_FAMILY = "DejaVu Sans Mono"
CELL_WIDTH = 12.2
LINE_HEIGHT = 24.4
FIRST_BASELINE = 20.0
"""Geometry of the SVG that rich writes: its cells, and where the first line of text stands."""

_FROM_LEFT = {ch: (8 - index) / 8 for index, ch in enumerate("█▉▊▋▌▍▎▏")}
_FROM_BELOW = {ch: (index + 1) / 8 for index, ch in enumerate("▁▂▃▄▅▆▇")}
_TEXT = re.compile(
    r'<text class="(?P<cls>[^"]+)" x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)"[^>]*>(?P<text>[█▉▊▋▌▍▎▏▁▂▃▄▅▆▇]+)</text>'
)


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: a scene, a size, and the keys that lead there."""

    name: str
    view: StatusView
    keys: tuple[str, ...] = ()
    size: tuple[int, int] = (120, 40)
    theme: str = DARK

    @property
    def file_name(self) -> str:
        """The name of its files: ``dashboard-120x40-dark``."""
        return f"{self.name}-{self.size[0]}x{self.size[1]}-{self.theme.removeprefix('syncdeck-')}"


def shots() -> tuple[Shot, ...]:
    """Return the pictures."""
    failing = failing_view()
    return (
        Shot("dashboard", failing),
        Shot("dashboard-calm", normal_view()),
        Shot("dashboard", failing, theme=LIGHT),
        Shot("dashboard", failing, size=(80, 24)),
        Shot("catalog", failing, ("2", "down", "down", "down")),
        Shot("transfers", failing, ("3", "down", "down", "down", "down")),
        Shot("archive", failing, ("5",)),
        Shot("archive-preview", failing, ("5", "space", "space", "a")),
        Shot("routing", failing, ("6",)),
        Shot("rule", failing, ("6", "enter", *("down",) * 4, *("right",) * 49, "backspace", "3")),
        Shot("emergency", failing, ("e",)),
        Shot("help", failing, ("3", "question_mark")),
    )


def draw_blocks(svg: str) -> str:
    """Return the SVG with block characters as rectangles: fonts leave gaps between them, terminals do not."""

    def rectangles(match: re.Match[str]) -> str:
        top = float(match["y"]) - FIRST_BASELINE + 1.5
        parts: list[str] = []
        for index, ch in enumerate(match["text"]):
            left = float(match["x"]) + index * CELL_WIDTH
            width = CELL_WIDTH * _FROM_LEFT.get(ch, 1.0)
            height = LINE_HEIGHT * _FROM_BELOW.get(ch, 1.0)
            parts.append(
                f"M{left:.2f} {top + LINE_HEIGHT - height:.2f}h{width + 0.05:.2f}v{height + 0.05:.2f}h-{width:.2f}z"
            )
        return f'<path class="{match["cls"]}" d="{"".join(parts)}"/>'

    return _TEXT.sub(rectangles, svg)


def own_font(svg: str) -> str:
    """Return the SVG with the reader's own monospace fonts instead of ones fetched from elsewhere."""
    svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.S)
    return svg.replace("Fira Code, monospace", f"'{FONT_FAMILY}', Menlo, Consolas, monospace")


async def picture(shot: Shot) -> str:
    """Return one picture as SVG."""
    app = staged_app(scripted_client(shot.view), shot.theme)
    async with app.run_test(size=shot.size) as pilot:
        await settle(pilot)
        for key in shot.keys:
            await pilot.press(key)
            await settle(pilot)
        return own_font(draw_blocks(app.export_screenshot()))


def to_png(svg: str) -> bytes:
    """Return the picture as PNG, drawn with the bundled font (resvg is a development dependency)."""
    resvg = import_module("resvg_py")
    fonts = [str(path) for path in sorted(FONTS.glob("*.ttf"))]
    drawn = resvg.svg_to_bytes(
        svg_string=svg, skip_system_fonts=True, font_files=fonts, monospace_family=FONT_FAMILY,
        sans_serif_family=FONT_FAMILY, font_family=FONT_FAMILY,
    )  # fmt: skip
    return bytes(drawn)


def main(folder: Path) -> int:
    """Write all pictures into a folder; return the exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    for shot in shots():
        svg = asyncio.run(picture(shot))
        (folder / f"{shot.file_name}.svg").write_text(svg, encoding="utf-8")
        (folder / f"{shot.file_name}.png").write_bytes(to_png(svg))
        sys.stdout.write(f"{folder / shot.file_name}.svg .png\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("screenshots")))
