"""The durable queue of transfers: priority, lease, attempts, history."""
