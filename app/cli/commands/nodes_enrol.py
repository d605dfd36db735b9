"""``syncdeck nodes enrol``: trust a node's host key, after somebody has looked at its fingerprint."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import audit, human, output
from app.cli.confirm import confirm
from app.cli.exit_codes import ExitCode
from app.cli.fleet_access import FleetAccess, fleet_access
from app.cli.options import ConfigOption, StateOption, YesOption, refuse_read_only, settings_of
from config.types import Address
from engine.clock import Clock, SystemClock
from engine.errors import ErrorClass, SyncdeckError

if TYPE_CHECKING:
    from engine.remote.enrol import HostKey

USERS_KNOWN_HOSTS = "~/.ssh/known_hosts"


@dataclass(frozen=True, slots=True)
class Offer:
    """What one address of a node shows, and what was trusted there before."""

    node: str
    address: Address
    keys: tuple[HostKey, ...]
    before: tuple[HostKey, ...]

    @property
    def changed(self) -> bool:
        """Whether something was trusted there that is no longer shown."""
        return not _fingerprints(self.before) <= _fingerprints(self.keys)


def nodes_enrol(
    context: typer.Context,
    nodes: Annotated[list[str], typer.Argument(metavar="NODE...", help="Names of hosts of the file.")],
    fingerprint: Annotated[
        list[str] | None,
        typer.Option("--fingerprint", metavar="SHA256:...", help="Trust only these; needed with --yes; repeatable."),
    ] = None,
    yes: YesOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> int:
    """Show the host keys of nodes, ask, and write them to known_hosts in place of what was there."""
    settings = settings_of(context, config, state)
    refuse_read_only(settings, "enrol nodes")
    access = fleet_access(settings)
    expected = frozenset(fingerprint or ())
    if yes and not expected:
        raise SyncdeckError(
            "enrol",
            ", ".join(nodes),
            "--yes alone would trust whoever answers",
            "add --fingerprint SHA256:... as the node's console or provider shows it",
            ErrorClass.CONFIG,
        )
    for node in access.chosen(tuple(nodes)):
        _enrol(access, node, expected, yes, SystemClock())
    return ExitCode.DONE


def _enrol(access: FleetAccess, node: str, expected: frozenset[str], yes: bool, clock: Clock) -> None:
    from engine.remote.enrol import enrol

    file = Path(os.path.expanduser(access.policy.engine.ssh.known_hosts or USERS_KNOWN_HOSTS))
    for offer in asyncio.run(_offers(access, node, file)):
        _show(offer)
        trusted = _matching(offer, expected)
        if not offer.changed and _fingerprints(trusted) <= _fingerprints(offer.before):
            output.text(f"{node}: trusted already")
            continue
        confirm("enrol", _question(offer), yes)
        asyncio.run(enrol(offer.address, trusted, file))
        detail: dict[str, object] = {
            "address": f"{offer.address.host}:{offer.address.port}",
            "file": str(file),
            "trusted": sorted(_fingerprints(trusted)),
            "replaced": sorted(_fingerprints(offer.before)),
        }
        audit.record(access.state_dir, clock, "enrol", node, detail)
        output.text(f"{node}: {human.count(len(trusted), 'key')} written to {file}")


async def _offers(access: FleetAccess, node: str, file: Path) -> list[Offer]:
    """Return what each address of a node shows; raises SyncdeckError when none of them answers."""
    from engine.remote.enrol import known, scan_host_keys

    addresses = access.policy.nodes[node].addresses
    shown = await asyncio.gather(*(scan_host_keys(address) for address in addresses), return_exceptions=True)
    offers, failures = [], []
    for address, keys in zip(addresses, shown, strict=True):
        if isinstance(keys, SyncdeckError):
            failures.append(keys)
        elif isinstance(keys, BaseException):
            raise keys
        elif keys:
            offers.append(Offer(node, address, tuple(keys), tuple(await known(address, file))))
    if not offers:
        cause = failures[0].cause if failures else "none of its addresses shows a host key"
        remedy = failures[0].remedy if failures else "see whether it is up: `syncdeck nodes test`"
        raise SyncdeckError("enrol", node, cause, remedy, ErrorClass.TRANSIENT_NETWORK)
    return offers


def _show(offer: Offer) -> None:
    output.text(f"{offer.node} at {offer.address.host} port {offer.address.port}")
    for key in offer.keys:
        output.text(f"  offers   {key.key_type:<22} {key.fingerprint}")
    for key in offer.before:
        output.text(f"  trusted  {key.key_type:<22} {key.fingerprint}")


def _matching(offer: Offer, expected: frozenset[str]) -> tuple[HostKey, ...]:
    """Return the keys to trust: all on offer, or those expected; raises SyncdeckError when none is."""
    if not expected:
        return offer.keys
    chosen = tuple(key for key in offer.keys if key.fingerprint in expected)
    if not chosen:
        raise SyncdeckError(
            "enrol",
            offer.node,
            f"{offer.address.host} shows none of the fingerprints that were expected",
            "do not trust it: find out which machine answers there",
            ErrorClass.HOST_KEY,
        )
    return chosen


def _fingerprints(keys: Iterable[HostKey]) -> frozenset[str]:
    return frozenset(key.fingerprint for key in keys)


def _question(offer: Offer) -> str:
    if offer.changed:
        return f"The key of {offer.node} CHANGED. Replace the trusted one? Only if the machine was replaced."
    return f"Trust {offer.node} by these fingerprints?"
