"""What opens above a screen: previews that ask, details and help that are read."""
