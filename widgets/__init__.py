"""Reusable terminal widgets: they draw plain view models, post messages upwards, and know nothing of an engine."""
