"""SSH connections and the node agent."""
