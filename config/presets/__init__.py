"""Shipped descriptions of fleets' file names, as data: which file is what, and which config key it holds."""
