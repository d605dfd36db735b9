"""What a person starts: the console and the command line."""
