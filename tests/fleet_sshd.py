"""One real sshd on a loopback port of its own, ended with everything that it started."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

INSTALL = "sudo apt-get install -y openssh-server openssh-client rsync zstd"
INSTALL_MACOS = "brew install rsync zstd   (sshd is part of macOS: /usr/sbin/sshd)"
NOISE = "echo 'Welcome to the box. 3 updates are available.'; echo 'stty: standard input: not a tty' >&2; exec "
START_ATTEMPTS = 20
END_SECONDS = 30.0
LARGEST_FILE_BYTES = 16 << 20
"""What a limited node lets a file grow to, as a file system of small files does."""


def find_sshd() -> str | None:
    """Return the path of sshd, which is often outside an ordinary user's PATH."""
    return shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin")


def require_tools() -> None:
    """Raise RuntimeError naming the command that installs what is missing; tests never skip for lack of it."""
    missing = [tool for tool in ("ssh", "ssh-keygen", "ssh-keyscan", "rsync", "zstd") if not shutil.which(tool)]
    if find_sshd() is None:
        missing.append("sshd")
    if missing:
        command = INSTALL_MACOS if sys.platform == "darwin" else INSTALL
        raise RuntimeError(f"these tests need {', '.join(missing)}: {command}")


def make_key(path: Path) -> None:
    """Make an ed25519 key pair without a passphrase at ``path`` and ``path.pub``."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)],
        check=True,
        stdin=subprocess.DEVNULL,
    )


def _limits() -> str:
    """Return what makes a session a plain user's: no larger file and, of root, no right to read everything."""
    rights = "-dac_override,-dac_read_search"
    of_root = f"setpriv --bounding-set {rights} --inh-caps {rights} "
    needed = of_root if os.geteuid() == 0 and sys.platform == "linux" else ""
    return f"trap '' XFSZ; ulimit -f {LARGEST_FILE_BYTES // 512}; exec {needed}"


def free_port() -> int:
    """Return a loopback port that nothing listened on a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for_the_end_of(victims: Iterable[psutil.Process]) -> None:
    """Return when none of them runs; fails after END_SECONDS.

    A zombie does not run: it holds nothing, and init may take seconds to fetch it.
    """
    pause, deadline, left = threading.Event(), time.monotonic() + END_SECONDS, list(victims)
    while any(_runs(victim) for victim in left):
        assert time.monotonic() < deadline, "a killed process does not end"
        pause.wait(0.005)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Sshd:
    """A server with its own configuration folder; ``start`` and ``kill`` may be called again and again."""

    def __init__(
        self, folder: Path, authorized_key: str, *, home: Path, noisy: bool = False, limited: bool = False
    ) -> None:
        self.folder = folder
        self.port = 0
        self._home = home
        self._before = NOISE if noisy else _limits() if limited else ""
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._host_key = folder / "host_key"
        make_key(self._host_key)
        self._authorized_keys = folder / "authorized_keys"
        self._authorized_keys.write_text(authorized_key, encoding="utf-8")

    @property
    def pid(self) -> int:
        """The process id of the listening server."""
        assert self._process is not None, "the server was not started"
        return self._process.pid

    def host_public_key(self) -> str:
        """Return ``ssh-ed25519 AAAA...`` without the comment."""
        text = Path(f"{self._host_key}.pub").read_text(encoding="utf-8")
        return " ".join(text.split()[:2])

    def new_host_key(self) -> None:
        """Replace the host key, as a recycled rented address does; takes effect at the next start."""
        self._host_key.unlink()
        Path(f"{self._host_key}.pub").unlink()
        make_key(self._host_key)

    def deny_everyone(self) -> None:
        """Forget every authorised key."""
        self._authorized_keys.write_text("", encoding="utf-8")

    def start(self) -> None:
        """Start and wait until the server greets; keeps its port once it has one."""
        for _ in range(START_ATTEMPTS):
            port = self.port or free_port()
            if self._try_start(port):
                self.port = port
                return
        raise RuntimeError(f"sshd did not start: {self.log()}")

    def kill(self) -> None:
        """SIGKILL the server and all its descendants, and wait for them."""
        if self._process is None:
            return
        try:
            parent = psutil.Process(self._process.pid)
            victims = [*parent.children(recursive=True), parent]
        except psutil.NoSuchProcess:
            victims = []
        for victim in reversed(victims):  # the listener first, so that it accepts nothing meanwhile
            try:
                victim.kill()
            except psutil.NoSuchProcess:
                continue
        self._process.wait()
        self._process = None
        wait_for_the_end_of(victims)

    def log(self) -> str:
        """Return what the server wrote."""
        path = self.folder / "sshd.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def _configuration(self, port: int) -> str:
        environment = f"HOME={self._home} XDG_CACHE_HOME={self._home}/.cache"
        lines = [
            f"Port {port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self._host_key}",
            f"AuthorizedKeysFile {self._authorized_keys}",
            "AuthenticationMethods publickey",
            "PermitRootLogin prohibit-password",
            "StrictModes no",
            "UsePAM no",
            "PidFile none",
            "PrintMotd no",
            "MaxStartups 200:30:400",
            f"SetEnv {environment}",
            "Subsystem sftp internal-sftp",
        ]
        if self._before:
            script = shlex.quote(f'{self._before}/bin/sh -c "$SSH_ORIGINAL_COMMAND"')
            lines.append(f"ForceCommand exec /bin/sh -c {script}")
        return "\n".join(lines) + "\n"

    def _try_start(self, port: int) -> bool:
        sshd = find_sshd()
        assert sshd is not None, "require_tools() was not called"
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        config = self.folder / "sshd_config"
        config.write_text(self._configuration(port), encoding="utf-8")
        command = [sshd, "-D", "-e", "-f", str(config)]
        penalties = ["-o", "PerSourcePenalties no"]  # OpenSSH 9.8 and later lock out a test's own address
        probe = subprocess.run([sshd, "-t", "-f", str(config), *penalties], capture_output=True, check=False)
        if probe.returncode == 0:
            command += penalties
        with open(self.folder / "sshd.log", "ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        if self._greets(port):
            return True
        self.kill()
        return False

    def _greets(self, port: int) -> bool:
        assert self._process is not None
        while self._process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                    if connection.recv(4) == b"SSH-":
                        return self._process.poll() is None
            except ConnectionRefusedError:
                os.sched_yield() if hasattr(os, "sched_yield") else None
        return False
