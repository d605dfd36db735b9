"""Opening a session: the first address that answers, the agent sent over, its hello awaited."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from config.types import Address
from engine.errors import ErrorClass, NodeUnreachable
from engine.model import NodeState
from engine.remote import wire
from engine.remote.agent import frames
from engine.remote.agent.bundle import agent_source
from engine.remote.agent_child import agent_command, read_frame
from engine.remote.child import Child, StderrTail, spawn
from engine.remote.diagnose import Diagnosis, diagnose, most_telling, no_greeting, remedy_for, unreachable
from engine.remote.links import Links
from engine.remote.session import AgentSession
from engine.remote.ssh import known_ciphers
from engine.remote.types import AgentInfo, Endpoint, SshOptions

# Beyond ssh's own ConnectTimeout: authentication, the login shell's start, Python's start on a loaded box.
HELLO_SECONDS = 45.0
OPERATION = "connect to"


async def open_session(endpoint: Endpoint, options: SshOptions, links: Links | None = None) -> AgentSession:
    """Return a session with the node's agent, over the first address that answers (a local child for this node).

    Raises NodeUnreachable with the most telling failure when no address does.
    """
    links = links or Links()
    await asyncio.to_thread(agent_source, "control")
    if endpoint.local:
        return await _open_at(endpoint, None, options, links)
    await asyncio.to_thread(known_ciphers)
    failures: list[NodeUnreachable] = []
    for address in links.addresses(endpoint):
        try:
            session = await _open_at(endpoint, address, options, links)
        except NodeUnreachable as failure:
            failures.append(failure)
            continue
        links.answered(endpoint.node_id, address)
        return session
    links.failed(endpoint.node_id)
    raise most_telling(failures) if failures else no_address(endpoint)


def addresses_of(endpoint: Endpoint, links: Links) -> tuple[Address | None, ...]:
    """Return the addresses to try, None for this machine; raises NodeUnreachable where there is none."""
    if endpoint.local:
        return (None,)
    addresses = links.addresses(endpoint)
    if not addresses:
        raise no_address(endpoint)
    return addresses


def no_address(endpoint: Endpoint) -> NodeUnreachable:
    """Return the error for a node that the hosts file gives no address."""
    cause = "the hosts file gives it neither tailscale_ip nor ssh_host"
    remedy = f"add ssh_host to {endpoint.node_id} in the hosts file"
    return NodeUnreachable(OPERATION, endpoint.node_id, cause, remedy, ErrorClass.CONFIG, NodeState.UNRESOLVED.value)


async def _open_at(endpoint: Endpoint, address: Address | None, options: SshOptions, links: Links) -> AgentSession:
    source = agent_source("control")
    await links.turn(endpoint)
    with contextlib.ExitStack() as held:
        slot = held.enter_context(links.slot(endpoint.node_id))
        child = await spawn(agent_command(endpoint, address, options, source, slot))
        assert child.stdin is not None
        stderr = StderrTail(child.stderr)
        try:
            child.stdin.write(source + frames.encode({"mode": "control"}))
            info = await _hello(endpoint, child, stderr, options)
        except BaseException:
            await child.kill()
            raise
        links.idle.session_began(endpoint.node_id)
        held.callback(links.idle.session_ended, endpoint.node_id)
        release: Callable[[], object] = held.pop_all().close
        return AgentSession(endpoint, child, info, stderr, release)


async def _hello(endpoint: Endpoint, child: Child, stderr: StderrTail, options: SshOptions) -> AgentInfo:
    assert child.stdout is not None
    node_id = endpoint.node_id
    seconds = options.connect_timeout_seconds + HELLO_SECONDS
    try:
        async with asyncio.timeout(seconds):
            await child.stdout.readuntil(frames.MARKER)
            answer = await read_frame(child.stdout)
            if answer is not None:
                return wire.info_from(answer["hello"], node_id)
            code = await child.drained(stderr.task)
    except TimeoutError:
        cause = f"it accepted the connection but said nothing for {seconds:.0f} s"
        state = NodeState.TIMED_OUT
        late = Diagnosis(state, ErrorClass.TRANSIENT_NETWORK, cause, remedy_for(state, node_id))
        raise unreachable(OPERATION, node_id, late) from None
    except asyncio.IncompleteReadError as ended:
        code = await child.drained(stderr.task)
        raise unreachable(OPERATION, node_id, no_greeting(node_id, code, stderr.text(), ended.partial)) from None
    except asyncio.LimitOverrunError:
        state, cause = NodeState.ERROR, "its login shell prints without end"
        endless = Diagnosis(state, ErrorClass.UNSUPPORTED, cause, "look at the shell's start-up files on the node")
        raise unreachable(OPERATION, node_id, endless) from None
    raise unreachable(OPERATION, node_id, diagnose(node_id, code, stderr.text()))
