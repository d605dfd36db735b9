"""Findings with remedies, component health."""
