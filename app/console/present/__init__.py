"""From the engine's views to what the widgets draw: pure functions, one file per panel or screen."""
