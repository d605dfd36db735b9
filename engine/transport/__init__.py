"""Moving bytes: one module per transport, the chain that falls back, the manager that walks it."""
