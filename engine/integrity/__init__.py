"""Temporary names, and the rules of what may replace what."""
