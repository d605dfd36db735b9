"""The command line: what may be typed, how it answers, and with which exit code it ends."""
