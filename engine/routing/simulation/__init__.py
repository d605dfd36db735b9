"""Trying another policy on the whole catalog: what would be added, what becomes surplus, what finds no room."""
