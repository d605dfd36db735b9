"""Moving bytes: transports, chains, the manager."""
