"""The peers' own command lines: rsync, scp, rclone and curl, each bringing one file from a node of the fleet."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.fleet import Fleet, FleetNode

PROGRAMS = ("rsync", "scp", "rclone", "curl", "zstd", "gzip")
Peer = Callable[[Path, Path], None]
"""Copies a source path on the node to a path here; flushes and verifies nothing by itself."""


def not_installed() -> list[str]:
    """Return the peers that are left out because this machine has them not."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


def ssh_peers(fleet: Fleet, node: FleetNode) -> Mapping[str, Peer]:
    """Return what copies one file over ssh, by the words that are shown. What is not installed is left out."""
    config = str(fleet.ssh_config)

    def rsync(source: Path, final: Path) -> None:
        _run("rsync", "-a", "--fsync", "-e", f"ssh -F {config}", f"{node.name}:{source}", str(final))

    def scp(source: Path, final: Path) -> None:
        _run("scp", "-q", "-F", config, f"{node.name}:{source}", str(final))

    def rclone(source: Path, final: Path) -> None:
        _rclone("copyto", fleet, node, source, final)

    return _installed({"rsync -a --fsync -e ssh": rsync, "scp": scp, "rclone copyto (sftp)": rclone})


def ssh_folder_peers(fleet: Fleet, node: FleetNode) -> Mapping[str, Peer]:
    """Return what copies a folder over ssh to a name that is not there yet; see ``ssh_peers``."""
    shell = f"ssh -F {fleet.ssh_config}"

    def durable(source: Path, final: Path) -> None:
        _run("rsync", "-a", "--fsync", "-e", shell, f"{node.name}:{source}/", f"{final}/")

    def bare(source: Path, final: Path) -> None:
        _run("rsync", "-a", "-e", shell, f"{node.name}:{source}/", f"{final}/")

    def scp(source: Path, final: Path) -> None:
        _run("scp", "-q", "-r", "-p", "-F", str(fleet.ssh_config), f"{node.name}:{source}", str(final))

    def rclone(source: Path, final: Path) -> None:
        _rclone("copy", fleet, node, source, final)

    known = {"rsync -a --fsync -e ssh": durable, "rsync -a -e ssh": bare, "scp -r": scp, "rclone copy (sftp)": rclone}
    return _installed(known)


def _installed(peers: Mapping[str, Peer]) -> Mapping[str, Peer]:
    return {name: peer for name, peer in peers.items() if shutil.which(name.split()[0])}


def _rclone(operation: str, fleet: Fleet, node: FleetNode, source: Path, final: Path) -> None:
    where = f":sftp,host=127.0.0.1,port={node.port},user={node.endpoint.user},key_file='{fleet.identity}',"
    where += f"known_hosts_file='{fleet.known_hosts}':{source}"
    _run("rclone", operation, "--config", os.devnull, "--ignore-times", where, str(final))


def curl(url: str, final: Path) -> None:
    """Fetch one URL into a file."""
    _run("curl", "--silent", "--show-error", "--fail", "--output", str(final), url)


def flush_and_hash(final: Path) -> str:
    """Flush a file and return its SHA-256 by sha256sum: what verifying a peer's copy costs at the target."""
    descriptor = os.open(final, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    told = subprocess.run(["sha256sum", str(final)], check=True, capture_output=True, text=True)
    return told.stdout.split()[0]


def _run(*words: str) -> None:
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
