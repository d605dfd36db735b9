"""Sessions with agents over real sshd: one per node, reopened after a loss, deaf to noise."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from config.types import Address
from engine.errors import ErrorClass, NodeUnreachable, SyncdeckError
from engine.model import FileKind
from engine.remote.connect import open_session
from engine.remote.links import Links
from engine.remote.pool import SessionPool
from engine.remote.types import Endpoint
from tests.fleet import Fleet, openssh_fleet
from tests.fleet_sshd import free_port, wait_for_the_end_of


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with openssh_fleet(tmp_path_factory.mktemp("sessions"), count=2) as running:
        yield running


async def test_a_session_says_what_the_node_is(fleet: Fleet) -> None:
    session = await open_session(fleet[0].endpoint, fleet.options())
    assert session.info.node_id == "node-0"
    assert session.info.home == str(fleet[0].home)
    assert session.info.rsync is not None and "rsync" in session.info.rsync
    assert session.info.zstd
    await session.close()


async def test_the_engines_own_node_needs_no_ssh(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"abc")
    session = await open_session(Endpoint("own", local=True), fleet.options())
    content = await session.hash(str(tmp_path / "a.npz"), FileKind.ZIP)
    assert content.size_bytes == 3
    await session.close()


async def test_noise_of_the_login_shell_breaks_nothing(tmp_path: Path) -> None:
    with openssh_fleet(tmp_path, count=1, noisy=True) as noisy:
        session = await open_session(noisy[0].endpoint, noisy.options())
        assert await session.stat("/nonexistent") is None
        await session.close()


async def test_calls_run_side_by_side_and_fail_alone(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    session = await open_session(fleet[0].endpoint, fleet.options())
    answers = await asyncio.gather(
        session.hash(str(tmp_path / "absent"), FileKind.PLAIN),
        *(session.stat(str(tmp_path / "a")) for _ in range(20)),
        return_exceptions=True,
    )
    assert isinstance(answers[0], SyncdeckError) and answers[0].error_class is ErrorClass.NOT_FOUND
    assert all(not isinstance(answer, BaseException) for answer in answers[1:])
    await session.close()


async def test_callers_at_the_same_time_share_one_session(fleet: Fleet) -> None:
    pool = SessionPool(lambda node_id: fleet[node_id].endpoint, fleet.options())
    sessions = await asyncio.gather(*(pool.get("node-0") for _ in range(5)))
    assert len({id(session) for session in sessions}) == 1
    await pool.close()


async def test_a_killed_node_fails_running_calls_and_is_reached_again_when_it_is_back(tmp_path: Path) -> None:
    with openssh_fleet(tmp_path, count=1) as fleet:
        pool = SessionPool(lambda node_id: fleet[node_id].endpoint, fleet.options())
        session = await pool.get("node-0")
        blocker = tmp_path / "fifo"
        os.mkfifo(blocker)
        running = asyncio.create_task(session.check(str(blocker), FileKind.PLAIN))
        assert await session.stat("/nonexistent") is None  # the check was sent before
        fleet[0].kill()
        with pytest.raises(NodeUnreachable) as lost:
            await running
        assert lost.value.error_class is ErrorClass.TRANSIENT_NETWORK
        with pytest.raises(NodeUnreachable) as refused:
            await pool.get("node-0")
        assert refused.value.state == "refused"
        fleet[0].start()
        assert await (await pool.get("node-0")).stat("/nonexistent") is None
        await pool.close()


async def test_closing_leaves_no_process(fleet: Fleet) -> None:
    session = await open_session(fleet[1].endpoint, fleet.options(multiplex=False))
    started = psutil.Process(fleet[1].server.pid).children(recursive=True)
    assert started
    await session.close()
    wait_for_the_end_of(started)


async def test_the_next_address_is_tried_and_the_one_that_answered_is_remembered(fleet: Fleet) -> None:
    good = fleet[0].endpoint.addresses[0]
    endpoint = replace(fleet[0].endpoint, addresses=(Address("127.0.0.1", free_port()), good))
    links = Links()
    session = await open_session(endpoint, fleet.options(), links)
    assert links.addresses(endpoint)[0] == good
    await session.close()


async def test_each_reason_not_to_answer_is_a_state_of_its_own(fleet: Fleet, tmp_path: Path) -> None:
    node, options = fleet[0].endpoint, fleet.options(multiplex=False)
    stranger = tmp_path / "known_hosts"
    stranger.write_text("")
    impostor = tmp_path / "impostor"
    other_key = fleet[1].server.host_public_key()
    impostor.write_text(f"[127.0.0.1]:{fleet[0].port} {other_key}\n")
    cases = {
        "host-key-unknown": (node, replace(options, known_hosts=str(stranger))),
        "host-key-changed": (node, replace(options, known_hosts=str(impostor))),
        "auth-failed": (replace(node, user="nobody-of-ours"), options),
        "refused": (replace(node, addresses=(Address("127.0.0.1", free_port()),)), options),
        "unresolved": (replace(node, addresses=(Address("no-such-host.invalid", 22),)), options),
    }
    for state, (endpoint, changed) in cases.items():
        with pytest.raises(NodeUnreachable) as failure:
            await open_session(endpoint, changed)
        assert failure.value.state == state, failure.value
        assert "node-0" in failure.value.remedy


@pytest.mark.parametrize("code", [0, 1])
async def test_a_login_shell_that_runs_something_else_is_told_with_its_words(tmp_path: Path, code: int) -> None:
    with openssh_fleet(tmp_path, count=1) as restricted:
        keys = restricted[0].server.folder / "authorized_keys"
        forced = f"echo 'This account is restricted.'; exit {code}"
        keys.write_text(f'command="{forced}" {keys.read_text()}')
        with pytest.raises(NodeUnreachable) as failure:
            await open_session(restricted[0].endpoint, restricted.options())
    assert failure.value.state == "error"
    assert failure.value.cause.endswith("and said: This account is restricted.")
    assert "login shell" in failure.value.remedy


async def test_a_command_or_terminal_in_the_users_own_ssh_configuration_is_left_aside(
    fleet: Fleet, tmp_path: Path
) -> None:
    own = tmp_path / "ssh_config"
    own.write_text("Host *\n  RequestTTY force\n  RemoteCommand tmux new -A -s main\n")
    session = await open_session(fleet[0].endpoint, fleet.options(config_file=str(own)))
    assert session.info.python
    await session.close()


async def test_a_mistake_in_the_users_own_ssh_configuration_is_told_as_one(fleet: Fleet, tmp_path: Path) -> None:
    own = tmp_path / "ssh_config"
    own.write_text("NoSuchOption yes\n")
    with pytest.raises(NodeUnreachable) as failure:
        await open_session(fleet[0].endpoint, fleet.options(config_file=str(own)))
    assert failure.value.error_class is ErrorClass.CONFIG
    assert "nosuchoption" in failure.value.cause.lower()
    assert "ssh's configuration" in failure.value.remedy


async def test_a_silent_address_times_out(fleet: Fleet) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        endpoint = replace(fleet[0].endpoint, addresses=(Address("127.0.0.1", listener.getsockname()[1]),))
        with pytest.raises(NodeUnreachable) as failure:
            await open_session(endpoint, fleet.options(connect_timeout_seconds=1, multiplex=False))
    assert failure.value.state == "timed-out"
