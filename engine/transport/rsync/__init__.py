"""The rsync transport: the system's rsync over the system's ssh, into our own temporary name."""

from engine.transport.rsync.adapter import RsyncTransport

__all__ = ["RsyncTransport"]
