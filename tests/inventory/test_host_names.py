"""Hosts that somebody names: one that is not there is told, with the one that may be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.load import load
from engine.errors import ErrorClass, SyncdeckError
from engine.hosts import check_hosts

HOSTS = "hosts: {mac-studio: {ssh_host: 127.0.0.1}, vast-29118471: {ssh_host: 127.0.0.1}}\n"
SEE = "see the hosts with `syncdeck nodes ls`"


@pytest.mark.parametrize(
    ("name", "remedy"), [("vast-29118417", f"is vast-29118471 meant? {SEE}"), ("", SEE), ("nobody", SEE)]
)
def test_an_unknown_host_is_told_with_the_one_that_may_be_meant(tmp_path: Path, name: str, remedy: str) -> None:
    file = tmp_path / "hosts.yaml"
    file.write_text(HOSTS, encoding="utf-8")
    policy = load(file).policy
    check_hosts("sync", [], policy)
    check_hosts("sync", ["mac-studio", "vast-29118471"], policy)
    with pytest.raises(SyncdeckError) as failure:
        check_hosts("sync", ["mac-studio", name], policy)
    told = failure.value
    assert (told.operation, told.subject, told.cause) == ("sync", name, f"it is no host of {policy.file}")
    assert (told.remedy, told.error_class) == (remedy, ErrorClass.CONFIG)
