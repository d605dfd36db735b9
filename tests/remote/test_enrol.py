"""Enrolling trusts exactly what a person was shown, and touches no other line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from config.types import Address
from engine.errors import SyncdeckError
from engine.remote.connect import open_session
from engine.remote.enrol import HostKey, enrol, host_name, known, replaced, scan_host_keys
from tests.fleet import openssh_fleet
from tests.fleet_sshd import free_port

OTHER = "other.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFtHr9LKIWNHjR1oStZTRSQoNWlFRMXr2Nz1rXs8xvyz a comment"


async def test_a_recycled_address_is_trusted_again_only_by_enrolling_it(tmp_path: Path) -> None:
    with openssh_fleet(tmp_path, count=1) as fleet:
        node, options = fleet[0], fleet.options(multiplex=False)
        address = node.endpoint.addresses[0]
        fleet.known_hosts.write_text(f"# kept\n{OTHER}\n{fleet.known_hosts.read_text()}")
        before = await known(address, fleet.known_hosts)
        node.kill()
        node.server.new_host_key()
        node.start()
        with pytest.raises(SyncdeckError, match="host key is not the one"):
            await open_session(node.endpoint, options)
        now = await scan_host_keys(address)
        assert {key.fingerprint for key in now}.isdisjoint(key.fingerprint for key in before)
        await enrol(address, now, fleet.known_hosts)
        assert await known(address, fleet.known_hosts) == now
        await (await open_session(node.endpoint, options)).close()
        assert fleet.known_hosts.read_text().splitlines()[:2] == ["# kept", OTHER]


async def test_fingerprints_are_those_that_ssh_keygen_shows(tmp_path: Path) -> None:
    with openssh_fleet(tmp_path, count=1) as fleet:
        (key,) = await known(fleet[0].endpoint.addresses[0], fleet.known_hosts)
        command = ["ssh-keygen", "-lf", f"{tmp_path}/fleet/node-0/host_key.pub"]
        shown = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: ASYNC221
        assert key.fingerprint in shown.stdout


async def test_hashed_names_are_found_and_replaced(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    address = Address("192.0.2.7", 2201)
    blob = OTHER.split()[2]
    file.write_text(f"{OTHER}\n[192.0.2.7]:2201 ssh-ed25519 {blob}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)  # noqa: ASYNC221
    assert await known(address, file) == [HostKey("ssh-ed25519", blob)]
    new = HostKey("ssh-rsa", blob)
    await enrol(address, [new], file)
    assert await known(address, file) == [new]
    assert await known(Address("other.example", 22), file) == [HostKey("ssh-ed25519", blob)]


async def test_a_first_enrolment_makes_a_private_file(tmp_path: Path) -> None:
    file = tmp_path / "new" / "known_hosts"
    key = HostKey("ssh-ed25519", OTHER.split()[2])
    await enrol(Address("192.0.2.7", 22), [key], file)
    assert file.read_text() == f"192.0.2.7 ssh-ed25519 {key.blob}\n"
    assert file.stat().st_mode & 0o777 == 0o600


async def test_an_address_where_nobody_answers_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(SyncdeckError) as failure:
        await scan_host_keys(Address("127.0.0.1", free_port()))
    assert "enrol it again" in failure.value.remedy


def test_a_line_shared_with_other_names_keeps_those() -> None:
    text = "a.example,192.0.2.7 ssh-ed25519 OLD\n"
    assert replaced(text, "192.0.2.7", [1], [HostKey("ssh-ed25519", "NEW")]) == (
        "a.example ssh-ed25519 OLD\n192.0.2.7 ssh-ed25519 NEW\n"
    )


def test_only_other_ports_are_named_in_brackets() -> None:
    assert host_name(Address("192.0.2.7", 22)) == "192.0.2.7"
    assert host_name(Address("192.0.2.7", 2022)) == "[192.0.2.7]:2022"
