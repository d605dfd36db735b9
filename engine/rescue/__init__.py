"""Saving nodes that may go: what would be lost with each, emergencies and drains as whole flows."""
