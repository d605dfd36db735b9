"""Copies that stand in the way of a new version, and are kept beside it when an operator says so."""
