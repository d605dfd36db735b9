"""``syncdeck lab up`` prints commands that can be typed as they are, also before syncdeck is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import ROOT


def test_what_it_prints_can_be_typed_where_syncdeck_is_on_no_path(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
    up = subprocess.Popen(
        [sys.executable, str(ROOT / "syncdeck.py"), "lab", "up", "--dir", str(tmp_path / "a lab")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=ROOT,
    )
    try:
        assert up.stdout is not None
        printed = iter(up.stdout.readline, "")
        status = next(line for line in printed if line.endswith(" status\n"))
        done = subprocess.run(status, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr
        assert "lab-coordinator" in done.stdout
    finally:
        up.terminate()
        assert up.wait(60) == 0
