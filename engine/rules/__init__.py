"""Rules as an operator edits them: checked, tried, saved, merged, taken back."""
