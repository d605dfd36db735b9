"""A whole fleet on one machine, for trying, testing and measuring: real SSH, real files, real writers.

``fleet.py`` composes it. A *machine* is a process of its own (``machine.py``) that serves one or several nodes over
SSH (``server.py``, ``session.py``) and runs their writers (``writers.py``); killing it is what a lost box looks like.
"""
