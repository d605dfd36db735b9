"""Temporary names, publishing, quarantine."""
