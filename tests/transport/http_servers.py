"""File servers as users run them, and some that misbehave: real processes and real sockets on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NGINX_CONF = """
daemon off; pid {place}/nginx.pid; error_log {place}/error.log; worker_processes 1;
events {{}}
http {{
  access_log off; default_type application/octet-stream;
  client_body_temp_path {place}/b; proxy_temp_path {place}/p; fastcgi_temp_path {place}/f;
  uwsgi_temp_path {place}/u; scgi_temp_path {place}/s;
  server {{ listen 127.0.0.1:{port}; root "{root}"; }}
}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def wait_for(port: int, child: subprocess.Popen[bytes]) -> None:
    """Return as soon as a port answers; fail when its server ended."""
    while True:
        assert child.poll() is None, "the server ended"
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=60):
            return


@contextmanager
def nginx(root: Path, place: Path) -> Iterator[int]:
    """Serve a folder with nginx; yields the port. Fails where nginx is missing: scripts/setup.sh installs it."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    assert program is not None, "nginx is missing: run scripts/setup.sh"
    place.mkdir()
    place.chmod(0o755)
    port = free_port()
    conf = place / "nginx.conf"
    user = "user root;\n" if place.owner() == "root" else ""
    conf.write_text(user + NGINX_CONF.format(place=place, port=port, root=root), encoding="utf-8")
    with _running([program, "-c", str(conf), "-p", str(place)], port):
        yield port


@contextmanager
def python_server(root: Path) -> Iterator[int]:
    """Serve a folder with ``python3 -m http.server``, which knows no ranges; yields the port."""
    port = free_port()
    argv = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(root), str(port)]
    with _running(argv, port):
        yield port


@contextmanager
def _running(argv: list[str], port: int) -> Iterator[None]:
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, child)
        yield
    finally:
        child.terminate()
        child.wait(30)


Answer = Callable[[BaseHTTPRequestHandler, bytes], None]
"""Answers one GET for the content of a file, in a way of its own."""


@contextmanager
def odd_server(root: Path, answer: Answer) -> Iterator[tuple[int, list[str]]]:
    """Serve a folder in an odd way; yields the port and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path != "/":
                asked.append(self.path)
            file = root / self.path.lstrip("/")
            answer(self, file.read_bytes() if file.is_file() else b"")

        def log_message(self, format: str, *words: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1], asked
        finally:
            server.shutdown()
            thread.join()


def say(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    """Send a whole answer; ``Content_Length`` may lie."""
    handler.send_response(status)
    for name, value in ({"Content_Length": str(len(body))} | headers).items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    with suppress(OSError):
        handler.wfile.write(body)


def wanted(handler: BaseHTTPRequestHandler, content: bytes) -> tuple[int, int]:
    """Return the range [first, past) that was asked for."""
    first, _, last = handler.headers["Range"].removeprefix("bytes=").partition("-")
    return int(first), min(int(last) + 1, len(content)) if last else len(content)
