"""Edits of the users' file that leave every other byte alone."""
