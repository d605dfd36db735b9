"""Sharing out bandwidth: which limits hold now, and how much of them each running transfer may use."""
