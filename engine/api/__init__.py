"""The control socket: server, and the client that the console attaches with; the lock on a state directory."""
