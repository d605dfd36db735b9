"""base64 goes where nothing else does: through terminals, noise, changed line ends, and links that are cut."""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from config.types import Address
from engine.clock import SystemClock
from engine.errors import SyncdeckError
from engine.model import FileKind, FileStat, Transport
from engine.remote.pool import SessionPool
from engine.remote.stream import run_stream
from engine.remote.types import Endpoint, StreamJob
from engine.transport.agent import AgentTransport
from engine.transport.manager import TransportManager
from engine.transport.rates import RateCap
from engine.transport.types import TransferJob
from tests.faults.proxy import Fault, Kind, Proxy
from tests.fleet import Fleet, FleetNode, openssh_fleet

MIB = 1 << 20
LOCAL = Endpoint("own", local=True)
TEMP = ".a.npz.syncdeck-01234567-89abcdef-1-0123456789ab.part"
CHANNEL = Path(__file__).with_name("unclean_channel.py")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with openssh_fleet(tmp_path_factory.mktemp("text"), count=2) as running:
        yield running


def force(node: FleetNode, mode: str) -> None:
    """Have every command of a node run through an unclean channel."""
    key = Path(f"{node.identity}.pub").read_text(encoding="utf-8")
    (node.server.folder / "authorized_keys").write_text(
        f'command="{sys.executable} -I {CHANNEL} {mode}" {key}', encoding="utf-8"
    )


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("mode", ["pty", "cooked", "noisy"])
@pytest.mark.parametrize("compressible", [False, True])
async def test_it_passes_through_unclean_channels_on_both_ends(tmp_path: Path, mode: str, compressible: bool) -> None:
    path = tmp_path / "a"
    content = b"".join(b"game %d move e4\n" % number for number in range(200_000))
    path.write_bytes(content if compressible else random.Random(1).randbytes(3 * MIB + 17))
    job = StreamJob(
        str(path), str(tmp_path / TEMP), path.stat().st_size, "0123456789ab", FileKind.PLAIN, encoding="base64"
    )
    with openssh_fleet(tmp_path, 2) as unclean:
        for node in unclean.nodes:
            force(node, mode)
        ends = unclean[0].endpoint, unclean[1].endpoint
        outcome = await run_stream(*ends, job, unclean.options(multiplex=False), lambda done, wire: None)
        assert outcome.sha256 == sha256(path) == sha256(tmp_path / TEMP)
        assert outcome.compressed is compressible
        job = replace(job, source_path=str(tmp_path / "absent"))
        with pytest.raises(SyncdeckError) as failure:
            await run_stream(*ends, job, unclean.options(multiplex=False), lambda done, wire: None)
        assert (failure.value.error_class.value, failure.value.subject) == ("not-found", "node-0")


def through(node: FleetNode, proxy: Proxy, fleet: Fleet) -> Endpoint:
    """A node as it is reached through a proxy."""
    with fleet.known_hosts.open("a", encoding="utf-8") as known:
        known.write(f"[127.0.0.1]:{proxy.port} {node.server.host_public_key()}\n")
    return replace(node.endpoint, addresses=(Address("127.0.0.1", proxy.port),))


async def deliver(fleet: Fleet, tmp_path: Path, size_bytes: int, fault: Fault, rate: int | None) -> tuple[int, int]:
    """Send a file through a link that is cut again and again; return how often it was, and what was sent twice."""
    path = tmp_path / "a"
    path.write_bytes(random.Random(size_bytes).randbytes(size_bytes))
    with Proxy(fleet[0].port, fault, seed=5) as proxy:
        source = through(fleet[0], proxy, fleet)
        clock = SystemClock()
        pool = SessionPool({"node-0": source, "own": LOCAL}.__getitem__, fleet.options())
        base64 = AgentTransport(pool.get, fleet.options(), pool.links, base64=True)
        job = TransferJob(
            source=source,
            target=LOCAL,
            source_path=str(path),
            temp_path=str(tmp_path / TEMP),
            size_bytes=size_bytes,
            content_id="0123456789ab",
            kind=FileKind.PLAIN,
            source_stat=FileStat(size_bytes, path.stat().st_mtime_ns, path.stat().st_ino),
            sha256=None,
            rate=RateCap(rate),
            stall_timeout_seconds=30.0,
            check_source=False,
        )
        seen: list[int] = []
        delivery = await TransportManager([base64], clock).deliver(
            job, [Transport.BASE64], lambda done, wire: seen.append(done)
        )
        await pool.close()
        assert delivery.error is None, delivery.error
        assert delivery.outcome is not None and delivery.outcome.sha256 == sha256(path) == sha256(tmp_path / TEMP)
        assert seen[-1] == size_bytes and len(set(seen)) > size_bytes // (4 * MIB)
        return proxy.struck, proxy.passed - size_bytes * 4 // 3


PER_CUT_BYTES = 2 * MIB * 4 // 3 + 400_000
"""One chunk, a handshake, and the sender's source."""


async def test_a_link_that_is_cut_every_few_megabytes_costs_a_chunk_each_time(fleet: Fleet, tmp_path: Path) -> None:
    size_bytes = 40 * MIB
    cuts, again = await deliver(fleet, tmp_path, size_bytes, Fault(Kind.CUT_BY_BYTES, after_bytes=9 * MIB), None)
    assert cuts >= 3
    assert again < (cuts + 1) * PER_CUT_BYTES + size_bytes // 50


@pytest.mark.storm
async def test_200_megabytes_arrive_over_a_link_that_is_cut_every_4_to_8_seconds(fleet: Fleet, tmp_path: Path) -> None:
    size_bytes = 200 * MIB
    cuts, again = await deliver(fleet, tmp_path, size_bytes, Fault(Kind.CUT_BY_TIME, seconds=4.0), 8 * MIB)
    assert cuts >= 3
    assert again < (cuts + 1) * PER_CUT_BYTES + size_bytes // 50
