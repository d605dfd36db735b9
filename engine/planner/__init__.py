"""From catalog, policy and nodes to plans: pure functions."""
