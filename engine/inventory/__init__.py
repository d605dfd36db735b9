"""What nodes really hold: scans, disk usage, freshness."""
