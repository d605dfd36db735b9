"""Which node may be asked directly by which, at which address; and what is remembered of having tried."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from config.load import load
from config.types import HttpSettings, Policy
from engine.clock import ManualClock
from engine.remote.types import Endpoint, ProbeResult
from engine.transport.reach import LOOPBACK, TrustedNetworks, Ways, bracketed, candidates, forbidden, ways_of
from engine.transport.reach_probe import REMEMBERED_SECONDS, Reach
from tests.transport.conftest import ENGINE_NODE, Bench

HOSTS = """
hosts:
  home: {ssh_host: 127.0.0.1, ringrift_path: /r, status: ready}
  nas: {ssh_host: 192.168.1.9, tailscale_ip: 100.64.0.9, ringrift_path: /r, status: ready}
  cloud: {ssh_host: 203.0.113.5, ringrift_path: /r, status: ready}
  natted: {ssh_host: 203.0.113.6, tailscale_ip: 100.64.0.6, nat_blocked: true, ringrift_path: /r, status: ready}
  relayed: {ssh_host: 10.0.0.7, force_relay_mode: true, ringrift_path: /r, status: ready}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    path = tmp_path / "hosts.yaml"
    path.write_text(HOSTS, encoding="utf-8")
    return load(path).policy


def ways(policy: Policy, name: str, local: bool = False) -> Ways:
    return ways_of(Endpoint(name, local), policy.nodes)


def found(policy: Policy, server: str, reader: str, local: str = "", settings: HttpSettings | None = None) -> object:
    ours, theirs = (ways(policy, name, name == local) for name in (server, reader))
    numeric = {host: (host,) for host in (*ours.hosts, *theirs.hosts)}
    return candidates(ours, theirs, numeric, settings or policy.engine.http)


def test_the_tailnet_goes_before_the_private_address(policy: Policy) -> None:
    assert found(policy, "nas", "cloud") == ("100.64.0.9", "192.168.1.9")


def test_a_public_address_is_used_only_where_the_file_names_its_network(policy: Policy) -> None:
    assert found(policy, "cloud", "nas") == ()
    wider = replace(policy.engine.http, networks=(*policy.engine.http.networks, "203.0.113.0/24"))
    assert found(policy, "cloud", "nas", settings=wider) == ("203.0.113.5",)


def test_loopback_is_tried_only_where_both_seem_to_be_one_machine(policy: Policy) -> None:
    assert found(policy, "home", "home") == (LOOPBACK,)
    assert found(policy, "home", "nas") == ()
    assert found(policy, "nas", "home", local="nas") == (LOOPBACK, "100.64.0.9", "192.168.1.9")


def test_who_is_nat_blocked_serves_nobody_else_but_may_read(policy: Policy) -> None:
    settings = policy.engine.http
    assert "nat_blocked" in str(forbidden(ways(policy, "natted"), ways(policy, "nas"), settings))
    assert forbidden(ways(policy, "nas"), ways(policy, "natted"), settings) is None
    assert forbidden(ways(policy, "natted"), ways(policy, "natted"), settings) is None


def test_relay_mode_forbids_both_directions(policy: Policy) -> None:
    for server, reader in (("relayed", "nas"), ("nas", "relayed")):
        assert "relayed is in force_relay_mode" in str(
            forbidden(ways(policy, server), ways(policy, reader), policy.engine.http)
        )


def test_switched_off_is_said_so(policy: Policy) -> None:
    off = replace(policy.engine.http, enabled=False)
    assert "data_plane.http.enabled" in str(forbidden(ways(policy, "nas"), ways(policy, "cloud"), off))


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("10.255.0.1", True),
        ("172.16.0.1", True),
        ("172.32.0.1", False),
        ("192.168.0.1", True),
        ("100.127.255.255", True),
        ("100.128.0.1", False),
        ("fd7a:115c:a1e0::1", True),
        ("::ffff:10.0.0.1", True),
        ("::ffff:203.0.113.8", False),
        ("2001:db8::1", False),
        ("0.0.0.0", False),
        ("203.0.113.8", False),
    ],
)
def test_trusted_is_what_is_private_or_the_tailnet(policy: Policy, address: str, trusted: bool) -> None:
    assert (address in TrustedNetworks(policy.engine.http.networks)) is trusted


def test_an_address_of_version_six_is_bracketed() -> None:
    assert (bracketed("::1"), bracketed("10.0.0.1")) == ("[::1]", "10.0.0.1")


def right(result: ProbeResult) -> str | None:
    return None if result.status == 204 else f"status {result.status}"


async def test_what_answered_is_remembered_until_it_is_forgotten_or_old(bench: Bench, policy: Policy) -> None:
    clock = ManualClock()
    asked: list[str] = []

    async def agent_for(node_id: str) -> object:
        asked.append(node_id)
        return await bench.pool.get(ENGINE_NODE)

    reach = Reach(agent_for, lambda: policy, clock)  # type: ignore[arg-type]
    refused = ("127.0.0.1",)

    async def ask() -> tuple[str | None, str]:
        return await reach.first_answering("nas", "home", refused, 1, "/v1/health", right)

    host, why = await ask()
    assert host is None and "home asked 127.0.0.1 port 1: Connection refused" in why
    assert await ask() == (host, why)
    assert asked == ["home"]
    reach.forget("nas", "home")
    await ask()
    clock.advance(REMEMBERED_SECONDS)
    await ask()
    assert asked == ["home"] * 3


async def test_a_name_that_does_not_resolve_is_no_address(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "named.yaml"
    path.write_text(HOSTS.replace("203.0.113.5", "no-such-host.invalid"), encoding="utf-8")
    policy = load(path).policy
    reach = Reach(bench.pool.get, lambda: policy, ManualClock())
    hosts, refusal = await reach.hosts(Endpoint("cloud", False), Endpoint("nas", False))
    assert hosts == ()
    assert refusal is not None and "no-such-host.invalid" in refusal and "data_plane.http.networks" in refusal
