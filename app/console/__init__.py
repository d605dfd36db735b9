"""The console: screens on an engine client, for a person at a terminal."""
