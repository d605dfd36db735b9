"""From the engine's values to what an operator is shown: pure conversions into ``engine.views``."""
