"""The console's own light and dark themes; Textual's, with the terminal's own colours among them, stay choosable."""

from __future__ import annotations

from textual.theme import Theme

APP_CSS = """
ToastHolder { align-horizontal: left; }
Toast { max-width: 50%; }
CommandPalette {
    & SearchIcon { display: none; }
    & > Vertical {
        width: 84; max-width: 96%; margin-top: 2;
        &:dark { background: $surface; }
    }
    & #--input { border: none; background: $panel; padding: 1; }
    & #--results { border: none; }
    & CommandInput, & CommandInput:focus { border: none; padding: 0 1; height: 1; background: $panel; }
    & CommandList { max-height: 60vh; border: none; padding: 1 0; background: $surface; scrollbar-size-vertical: 1; }
    & CommandList > .option-list--option-highlighted { background: $block-hover-background; color: $foreground; }
    &:ansi #--input, &:ansi #--results { background: ansi_default; }
    &:ansi CommandInput, &:ansi CommandInput:focus, &:ansi CommandList { background: ansi_default; }
    &:ansi CommandList > .option-list--option-highlighted { background: ansi_blue; color: ansi_bright_white; }
}
"""
"""Toasts at the left, for the buttons of dialogs are at the right. Textual's palette without its icon: an emoji is one
cell wide here and two there."""

DARK = "syncdeck-dark"
LIGHT = "syncdeck-light"

THEMES = (
    Theme(
        name=DARK,
        primary="#7aa2f7",
        secondary="#bb9af7",
        accent="#7dcfff",
        warning="#e8b868",
        error="#ff7a93",
        success="#9ece6a",
        foreground="#d8dcf0",
        background="#15161e",
        surface="#1b1d28",
        panel="#20222f",
        dark=True,
        variables={
            "text-muted": "#8f96b8",
            "text-primary": "#8fb1fa",
            "text-accent": "#7dcfff",
            "text-warning": "#e8b868",
            "text-error": "#ff7a93",
            "text-success": "#9ece6a",
            "border-blurred": "#454b68",
            "border": "#7aa2f7",
            "block-hover-background": "#2b3050",
            "scrollbar": "#454b68",
            "scrollbar-background": "#15161e",
        },
    ),
    Theme(
        name=LIGHT,
        primary="#2a56c6",
        secondary="#7a3fbf",
        accent="#006a8e",
        warning="#8f5b00",
        error="#b3113b",
        success="#2f6f1f",
        foreground="#1c1f2e",
        background="#fafafc",
        surface="#f0f1f6",
        panel="#e6e8f1",
        dark=False,
        variables={
            "text-muted": "#5a6078",
            "text-primary": "#2a56c6",
            "text-accent": "#006a8e",
            "text-warning": "#8f5b00",
            "text-error": "#b3113b",
            "text-success": "#2f6f1f",
            "border-blurred": "#b4b9cc",
            "border": "#2a56c6",
            "block-hover-background": "#d6def5",
            "scrollbar": "#b4b9cc",
            "scrollbar-background": "#fafafc",
        },
    ),
)
