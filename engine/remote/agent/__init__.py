"""What runs on the nodes: standard library only, Python 3.8 and later, sent over SSH and never installed."""
