"""The single source of truth for where data is: keys, entries, versions, replicas."""
