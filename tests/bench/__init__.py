"""Benchmarks: `make bench` prints a table and writes `.bench/results.json`; ratios against a peer in the same run."""
