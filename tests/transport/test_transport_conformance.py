"""The promises that every transport keeps, tried on real OpenSSH, real rsync, real agents and real file servers."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from engine.clock import SystemClock
from engine.transport.conformance.check import Verdict
from engine.transport.conformance.suite import ALL as CHECKS
from engine.transport.conformance.suite import by_name, run_check
from tests.fleet import Fleet, openssh_fleet
from tests.transport.built import ALL
from tests.transport.conformance_ground import DIRECT, ENGINE, FULL_BYTES, Ground, ground_on
from tests.transport.http_servers import nginx, python_server

NGINX, WITHOUT_RANGES = "http from nginx", "http from http.server"
PUT, GET, BETWEEN = (ENGINE, "node-0"), ("node-0", ENGINE), ("node-0", "node-1")
IN_EVERY_DIRECTION = (
    "put-and-prove",
    "hard-names",
    "resume",
    "cancel",
    "no-source",
    "source-edited",
    "target-link-out",
    "batch",
)
NOT_OF_THE_SERVER = (
    "line-break",
    "deep-path",
    "cancel-at-once",
    "two-writers",
    "many-at-once",
    "target-sealed",
    "target-link-out",
    "target-full",
    "target-fills-up",
    "batch",
    "batch-each-alone",
    "batch-cancel",
)
MAY_NOT_APPLY = ("source-unreadable", "target-sealed", "target-full", "target-fills-up")
"""Root may read everything, and only root may make a small file system; a plain user's node shows the first three."""
CARRY_BATCHES = ("agent", "base64", "http")
SHORT = [check.name for check in CHECKS if not check.long]
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with openssh_fleet(tmp_path_factory.mktemp("conformance"), count=2) as running:
        yield running


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path | None]:
    """A file system of a few megabytes, None where this user may not make one."""
    folder = tmp_path_factory.mktemp("small")
    options = f"size={FULL_BYTES}"
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], capture_output=True)
    yield folder if made.returncode == 0 else None
    if made.returncode == 0:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="module")
def engine_root(fleet: Fleet) -> Path:
    """A folder of the engine's node, beside the fleet's."""
    folder = fleet.folder.parent / "engine root"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def foreign_ports(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """Two servers as users run them, which show everything that lies around the fleet."""
    shown = fleet.folder.parent
    with ExitStack() as stack:
        with_ranges = stack.enter_context(nginx(shown, tmp_path_factory.mktemp("nginx") / "own"))
        without = stack.enter_context(python_server(shown))
        yield {NGINX: with_ranges, WITHOUT_RANGES: without}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(
    fleet: Fleet, engine_root: Path, small_disk: Path | None, foreign_ports: dict[str, int]
) -> AsyncIterator[Ground]:
    async with ground_on(fleet, engine_root, small_disk, foreign_ports) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plain_users_ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    """A node whose user may not read everything, and whose files may not grow beyond ``FULL_BYTES``."""
    folder = tmp_path_factory.mktemp("plain-user")
    (folder / "engine root").mkdir()
    with openssh_fleet(folder, count=1, limited=True) as fleet:
        async with ground_on(fleet, folder / "engine root", fleet[0].models, {}) as made:
            yield made


async def verdict(ground: Ground, transport: str, pair: tuple[str, str], check: str) -> Verdict | None:
    """Return what a check came to, None where the transport does not serve the pair; fail when a promise is broken."""
    bench = await ground.bench(transport, pair, f"{transport} {pair} {check}")
    if bench is None:
        return None
    result = await run_check(bench, by_name(check), SystemClock())
    print(result)
    assert result.verdict is not Verdict.FAILED, f"{result.cause}; {result.remedy}"
    may_not_apply = check in MAY_NOT_APPLY or (check.startswith("batch") and transport not in CARRY_BATCHES)
    assert result.verdict is Verdict.PASSED or may_not_apply, result.cause
    assert (await bench.source.files(), await bench.target.files()) == ((), ())
    return result.verdict


@pytest.mark.parametrize("check", SHORT)
@pytest.mark.parametrize("transport", ALL)
async def test_a_transport_keeps_its_promises_to_a_node(ground: Ground, transport: str, check: str) -> None:
    await verdict(ground, transport, PUT, check)


@pytest.mark.parametrize("check", IN_EVERY_DIRECTION)
@pytest.mark.parametrize("pair", [GET, BETWEEN], ids=["from a node", "between nodes"])
@pytest.mark.parametrize("transport", ALL)
async def test_a_transport_keeps_its_promises_in_every_direction(
    ground: Ground, transport: str, pair: tuple[str, str], check: str
) -> None:
    await verdict(ground, transport, pair, check)


@pytest.mark.parametrize("check", SHORT)
async def test_a_stream_past_the_engine_keeps_the_same_promises(ground: Ground, check: str) -> None:
    await verdict(ground, DIRECT, BETWEEN, check)


@pytest.mark.parametrize("check", [name for name in SHORT if name not in NOT_OF_THE_SERVER])
@pytest.mark.parametrize("server", [NGINX, WITHOUT_RANGES])
async def test_what_somebody_elses_server_gives_keeps_the_promises(ground: Ground, server: str, check: str) -> None:
    await verdict(ground, server, GET, check)


@pytest.mark.parametrize("check", ["put-and-prove", "resume", "source-edited"])
@pytest.mark.parametrize("server", [NGINX, WITHOUT_RANGES])
async def test_somebody_elses_server_serves_between_nodes(ground: Ground, server: str, check: str) -> None:
    await verdict(ground, server, BETWEEN, check)


@pytest.mark.parametrize(
    ("pair", "check"), [(GET, "source-unreadable"), (PUT, "target-sealed"), (PUT, "target-full")], ids=lambda value: ""
)
@pytest.mark.parametrize("transport", ALL)
async def test_what_a_plain_user_may_not_do_is_told(
    plain_users_ground: Ground, transport: str, pair: tuple[str, str], check: str
) -> None:
    assert await verdict(plain_users_ground, transport, pair, check) is Verdict.PASSED


@pytest.mark.storm
@pytest.mark.parametrize("check", [check.name for check in CHECKS])
@pytest.mark.parametrize("pair", [PUT, GET, BETWEEN], ids=["to a node", "from a node", "between nodes"])
@pytest.mark.parametrize("transport", [*ALL, NGINX, WITHOUT_RANGES])
async def test_a_transport_keeps_every_promise_everywhere(
    ground: Ground, transport: str, pair: tuple[str, str], check: str
) -> None:
    await verdict(ground, transport, pair, check)
