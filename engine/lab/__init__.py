"""A whole fleet on one machine, for trying, testing and measuring."""
