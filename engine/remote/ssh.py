"""The one place where ssh command lines are made: control sessions, streams and rsync alike use these."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from config.types import Address
from engine.remote.types import Endpoint, SshOptions

# sun_path is 104 bytes on macOS, its terminator included; ssh first binds a name 17 characters longer
# (".%016x") and renames it. The shorter limit serves Linux (108) too.
SOCKET_PATH_LIMIT_BYTES = 104 - 1 - 17
CONTROL_PERSIST_SECONDS = 60
SERVER_ALIVE_INTERVAL_SECONDS = 15
SERVER_ALIVE_COUNT_MAX = 3
DESTINATION_NAME_CHARS = 16


def ssh_argv(
    endpoint: Endpoint,
    address: Address,
    options: SshOptions,
    command: str | None = None,
    *,
    slot: int = 0,
    forward_agent: bool = False,
) -> list[str]:
    """Return the argv that runs ``command`` on the node, reached at ``address``.

    ``slot`` chooses the master connection (see ``engine.remote.links``). Without a command the argv ends with
    the destination, for callers that append their own. ``forward_agent`` lets the command use the operator's
    ssh-agent while it runs.
    """
    chosen = ssh_options(endpoint, address, options, slot=slot, forward_agent=forward_agent)
    argv = ["ssh", *chosen, "--", destination(endpoint, address)]
    return argv if command is None else [*argv, command]


def destination(endpoint: Endpoint, address: Address) -> str:
    """Return ``user@host`` for ssh, or ``host`` where ssh's own configuration chooses the user."""
    return f"{endpoint.user}@{address.host}" if endpoint.user else address.host


def ssh_options(
    endpoint: Endpoint, address: Address, options: SshOptions, *, slot: int = 0, forward_agent: bool = False
) -> list[str]:
    """Return every option for one connection: strict host keys, no questions, no forwarding, one master.

    One that forwards the agent is a connection of its own, which ends with its command: a shared one would go on
    forwarding for all others.
    """
    argv = ["-F", options.config_file] if options.config_file else []
    argv += ["-p", str(address.port), *_strict(options, "yes" if forward_agent else "no")]
    if options.known_hosts:
        argv += _set(UserKnownHostsFile=_quoted(options.known_hosts), GlobalKnownHostsFile="/dev/null")
    if endpoint.identity_file:
        argv += ["-i", os.path.expanduser(endpoint.identity_file)]
        argv += _set(IdentitiesOnly="yes")
    ciphers = usable_ciphers(options.ciphers)
    if ciphers:
        argv += ["-c", ciphers]
    if options.multiplex and not forward_agent:
        path = control_path(endpoint, address, options, slot)
        argv += _set(ControlMaster="auto", ControlPersist=CONTROL_PERSIST_SECONDS, ControlPath=_quoted(str(path)))
    else:
        argv += _set(ControlMaster="no", ControlPath="none")
    return argv


def onward_options(address: Address, options: SshOptions) -> list[str]:
    """Return the options of an ssh that a node runs to reach another one, with nothing of that node's own set-up.

    The node adds UserKnownHostsFile, with the keys that the engine trusts for this address and no others.
    """
    argv = ["-F", "/dev/null", "-p", str(address.port), *_strict(options, "no")]
    argv += _set(GlobalKnownHostsFile="/dev/null", CheckHostIP="no", ControlMaster="no", ControlPath="none")
    return argv


def control_path(endpoint: Endpoint, address: Address, options: SshOptions, slot: int) -> Path:
    """Return the master's socket path, never longer than a socket path may be.

    The name covers everything that makes two connections differ, so that a changed key or known_hosts file
    never rides on an older connection. A folder that is too deep gives way to a short private one.
    """
    identity = "\0".join(
        (
            endpoint.node_id,
            destination(endpoint, address),
            str(address.port),
            endpoint.identity_file or "",
            options.known_hosts or "",
            options.config_file or "",
            str(options.control_dir),
            str(slot),
        )
    )
    name = hashlib.sha256(identity.encode()).hexdigest()[:DESTINATION_NAME_CHARS]
    return socket_folder(options.control_dir) / name


def socket_folder(wanted: Path) -> Path:
    """Return ``wanted`` when sockets fit into it, else a short folder of this user; made with mode 0700."""
    folder = wanted.absolute()
    if len(os.fsencode(folder / ("x" * DESTINATION_NAME_CHARS))) > SOCKET_PATH_LIMIT_BYTES:
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        short = Path(runtime) if runtime and len(runtime) < 40 and os.path.isdir(runtime) else Path("/tmp")
        folder = short / f"syncdeck-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or (folder.parent == Path("/tmp") and found.st_mode & 0o077):
        folder = Path(tempfile.mkdtemp(prefix="syncdeck-", dir="/tmp"))
    return folder


@cache
def known_ciphers() -> frozenset[str]:
    """Return the ciphers that the installed ssh knows; empty when it cannot say."""
    try:
        listed = subprocess.run(
            ["ssh", "-Q", "cipher"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return frozenset()
    return frozenset(listed.stdout.split())


def usable_ciphers(wanted: str | None) -> str | None:
    """Return the wanted ciphers that this ssh knows, or None when ssh should choose by itself.

    The cipher decides the speed of a stream (aes128-gcm 1.5 times the default where the CPU has AES).
    """
    if not wanted:
        return None
    known = known_ciphers()
    return ",".join(cipher for cipher in wanted.split(",") if cipher in known) or None


def _strict(options: SshOptions, forward_agent: str) -> list[str]:
    return _set(
        BatchMode="yes",
        StrictHostKeyChecking="yes",
        UpdateHostKeys="no",
        ForwardAgent=forward_agent,
        ForwardX11="no",
        ClearAllForwardings="yes",
        PermitLocalCommand="no",
        RequestTTY="no",
        RemoteCommand="none",
        LogLevel="ERROR",
        ConnectTimeout=options.connect_timeout_seconds,
        ServerAliveInterval=SERVER_ALIVE_INTERVAL_SECONDS,
        ServerAliveCountMax=SERVER_ALIVE_COUNT_MAX,
    )


def _set(**settings: str | int) -> list[str]:
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def _quoted(path: str) -> str:
    """Return a path as ssh's option parser reads it back: blanks quoted, percent signs doubled."""
    path = os.path.expanduser(path).replace("%", "%%")
    return f'"{path}"' if any(character.isspace() for character in path) else path
