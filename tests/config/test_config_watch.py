from __future__ import annotations

import asyncio
import os

import pytest
from cluster_text import cluster, host

from config.errors import ConfigError
from config.load import LoadedConfig, load
from config.watch import watch


@pytest.fixture
async def following(tmp_path):
    """A file, and a queue of what watching it yields; the watch runs when the fixture is handed out."""
    path = tmp_path / "distributed_hosts.yaml"
    path.write_text(cluster(host("alpha")))
    outcomes: asyncio.Queue[LoadedConfig | ConfigError] = asyncio.Queue()
    stop = asyncio.Event()

    async def follow():
        async for outcome in watch(path, "an older policy's digest", stop):
            await outcomes.put(outcome)

    task = asyncio.create_task(follow())
    first = await outcomes.get()
    assert isinstance(first, LoadedConfig)
    yield path, outcomes
    stop.set()
    await task


def replace(path, text):
    """Save as editors do: write beside, then rename over."""
    beside = path.with_name("distributed_hosts.yaml~new")
    beside.write_text(text)
    os.replace(beside, path)


async def test_a_change_made_before_the_watch_began_is_not_missed(following):
    """The fixture itself has waited for it: the digest given was an older one."""
    path, _ = following
    assert load(path).policy.nodes


async def test_a_file_that_is_replaced_yields_the_new_policy(following):
    path, outcomes = following
    replace(path, cluster(host("alpha", 1), host("beta", 2)))
    outcome = await outcomes.get()
    assert isinstance(outcome, LoadedConfig)
    assert list(outcome.policy.nodes) == ["alpha", "beta"]


async def test_an_invalid_change_yields_the_error_and_mending_it_the_policy(following):
    path, outcomes = following
    good = path.read_text()
    path.write_text(good + "  alpha: {}\n")
    broken = await outcomes.get()
    assert isinstance(broken, ConfigError)
    assert broken.line == good.count("\n") + 1
    path.write_text(good)
    assert isinstance(await outcomes.get(), LoadedConfig)


async def test_a_file_that_goes_away_is_an_error_and_one_that_returns_is_news(following):
    path, outcomes = following
    good = path.read_text()
    path.unlink()
    assert "no such file" in (await outcomes.get()).cause
    replace(path, good)
    assert isinstance(await outcomes.get(), LoadedConfig)


async def test_a_link_is_followed_to_the_folder_of_its_target(tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    (real / "fleet.yaml").write_text(cluster(host("alpha")))
    link = tmp_path / "distributed_hosts.yaml"
    link.symlink_to(real / "fleet.yaml")
    outcomes = watch(link, "an older digest")
    assert isinstance(await anext(outcomes), LoadedConfig)
    pending = asyncio.ensure_future(anext(outcomes))
    replace(real / "fleet.yaml", cluster(host("beta")))
    changed = await pending
    assert isinstance(changed, LoadedConfig)
    assert list(changed.policy.nodes) == ["beta"]
    await outcomes.aclose()
