"""The screens: each composes widgets, fills them from the newest view, and knows what the cursor is on."""
