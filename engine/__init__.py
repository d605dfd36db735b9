"""The data plane: catalog, planner, queue, transports. Knows nothing of any user interface."""
