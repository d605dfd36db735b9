"""A console on a made-up fleet: an engine that plays a script, the scenes that it plays, pictures taken of them."""
