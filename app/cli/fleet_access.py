"""What the commands that talk to nodes themselves need: the policy, its hosts, the way to reach each."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.options import Settings
from config.types import Policy
from engine.api.paths import control_folder, prepare_state_dir
from engine.hosts import check_hosts

if TYPE_CHECKING:
    from engine.inventory.fleet import Fleet
    from engine.remote.types import SshOptions


@dataclass(frozen=True, slots=True)
class FleetAccess:
    """A fleet as its file describes it; nothing of it was contacted."""

    policy: Policy
    fleet: Fleet
    ssh: SshOptions
    state_dir: Path

    def chosen(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the named hosts, or every host that the engine uses; raises SyncdeckError for an unknown one."""
        check_hosts("find node", names, self.policy)
        return names or tuple(name for name in self.policy.nodes if self.fleet.uses(name))


def fleet_access(settings: Settings) -> FleetAccess:
    """Return access to the fleet of the configuration file; raises ConfigError, SyncdeckError."""
    from config.load import load
    from engine.identity import own_node_id
    from engine.inventory.fleet import Fleet
    from engine.remote.types import SshOptions

    policy = load(settings.config_path()).policy
    state_dir = prepare_state_dir(settings.state_dir())
    settings_of_ssh = policy.engine.ssh
    options = SshOptions(
        # No shared connections: what is asked for is whether a new one works now.
        control_dir=control_folder(state_dir),
        known_hosts=settings_of_ssh.known_hosts,
        config_file=settings_of_ssh.config,
        multiplex=False,
    )
    return FleetAccess(policy, Fleet(policy, own_node_id(policy, os.environ)), options, state_dir)
