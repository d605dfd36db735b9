"""Why a node did not answer, read from ssh's exit code and words: pure, one remedy for each reason."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import ErrorClass, NodeUnreachable
from engine.model import NodeState

SSH_FAILED = 255
COMMAND_NOT_FOUND = 127
COMMAND_NOT_EXECUTABLE = 126
PYTHON_TOO_OLD = 98


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The state of a node that did not answer, and what an operator can do about it."""

    state: NodeState
    error_class: ErrorClass
    cause: str
    remedy: str


# The first phrase found decides. Wording: OpenSSH 7.9 to 10 (sshconnect.c, readconf.c, clientloop.c, mux.c) and the
# C libraries' strerror and gai_strerror on Linux and macOS. Compared in lower case.
PHRASES: tuple[tuple[str, NodeState], ...] = (
    ("remote host identification has changed", NodeState.HOST_KEY_CHANGED),
    ("host key verification failed", NodeState.HOST_KEY_UNKNOWN),
    ("host key is known for", NodeState.HOST_KEY_UNKNOWN),
    ("permission denied (", NodeState.AUTH_FAILED),
    ("too many authentication failures", NodeState.AUTH_FAILED),
    ("no such identity", NodeState.AUTH_FAILED),
    ("connection refused", NodeState.REFUSED),
    ("could not resolve hostname", NodeState.UNRESOLVED),
    ("connection timed out during banner exchange", NodeState.TIMED_OUT),
    ("operation timed out", NodeState.TIMED_OUT),
    ("connection timed out", NodeState.TIMED_OUT),
    ("no route to host", NodeState.TIMED_OUT),
    ("network is unreachable", NodeState.TIMED_OUT),
    ("host is down", NodeState.TIMED_OUT),
    ("timeout, server", NodeState.LOST),
    ("broken pipe", NodeState.LOST),
    ("connection reset", NodeState.LOST),
    ("connection closed by", NodeState.LOST),
    ("connection to ", NodeState.LOST),
    ("kex_exchange_identification", NodeState.LOST),
)

# readconf.c: what ssh says of the files of the machine that it was started on, before it connects anywhere.
OWN_CONFIGURATION = ("configuration option", "user config file", "bad owner or permissions on")

ERROR_CLASSES: dict[NodeState, ErrorClass] = {
    NodeState.AUTH_FAILED: ErrorClass.AUTH,
    NodeState.HOST_KEY_UNKNOWN: ErrorClass.HOST_KEY,
    NodeState.HOST_KEY_CHANGED: ErrorClass.HOST_KEY,
    NodeState.REFUSED: ErrorClass.TRANSIENT_NETWORK,
    NodeState.TIMED_OUT: ErrorClass.TRANSIENT_NETWORK,
    NodeState.LOST: ErrorClass.TRANSIENT_NETWORK,
    NodeState.UNRESOLVED: ErrorClass.CONFIG,
    NodeState.NO_PYTHON: ErrorClass.UNSUPPORTED,
    NodeState.ERROR: ErrorClass.UNSUPPORTED,
}

# When several addresses fail in different ways, the reason that an operator must act on is told first.
TELLING_ORDER: tuple[NodeState, ...] = (
    NodeState.HOST_KEY_CHANGED,
    NodeState.HOST_KEY_UNKNOWN,
    NodeState.AUTH_FAILED,
    NodeState.NO_PYTHON,
    NodeState.ERROR,
    NodeState.LOST,
    NodeState.REFUSED,
    NodeState.TIMED_OUT,
    NodeState.UNRESOLVED,
)


def remedy_for(state: NodeState, node_id: str) -> str:
    """Return what an operator does about a node in this state."""
    test = f"syncdeck nodes test {node_id}"
    remedies = {
        NodeState.AUTH_FAILED: f"put ssh_key's public half into the node's authorized_keys, or correct ssh_user and "
        f"ssh_key of {node_id} in the hosts file; then `{test}`",
        NodeState.HOST_KEY_UNKNOWN: f"`syncdeck nodes enrol {node_id}` shows its fingerprints and asks before trusting",
        NodeState.HOST_KEY_CHANGED: f"if the box was rented anew or reinstalled, `syncdeck nodes enrol {node_id}` "
        "shows the old and new fingerprints and replaces the key; otherwise find out who answers there",
        NodeState.REFUSED: f"start sshd on {node_id}, or correct ssh_port in the hosts file; then `{test}`",
        NodeState.TIMED_OUT: f"see that {node_id} is switched on and reachable (VPN, firewall, tailscale); "
        f"set its status to offline if it is gone; then `{test}`",
        NodeState.UNRESOLVED: f"correct ssh_host of {node_id} in the hosts file, or the name service; then `{test}`",
        NodeState.NO_PYTHON: f"install Python 3.8 or later as python3 on {node_id} (apt-get install -y python3)",
        NodeState.LOST: f"nothing, it is tried again by itself; if it keeps happening, `{test}`",
        NodeState.ERROR: f"see that the login shell of ssh_user on {node_id} runs the commands that it is given "
        f"(no forced command, no nologin, no menu); then `{test}`",
    }
    return remedies.get(state, f"`{test}` tells when it answers again")


def diagnose(node_id: str, exit_code: int | None, stderr: str) -> Diagnosis:
    """Return why an ssh child that never said hello, or that ended too early, did so.

    ``exit_code`` is ssh's own (255), the remote command's, negative for a signal, None when unknown.
    """
    words = _meaningful(stderr)
    lowered = words.lower()
    if exit_code == SSH_FAILED and any(phrase in lowered for phrase in OWN_CONFIGURATION):
        return _own_configuration(node_id, words)
    state = NodeState.LOST
    if exit_code == SSH_FAILED or exit_code is None or exit_code < 0:
        state = next((found for phrase, found in PHRASES if phrase in lowered), NodeState.LOST)
    elif exit_code in (COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE) or exit_code == PYTHON_TOO_OLD:
        state = NodeState.NO_PYTHON
    elif exit_code != 0:
        state = NodeState.ERROR
    if state is NodeState.HOST_KEY_CHANGED:
        cause = "its host key is not the one that was enrolled"
    else:
        cause = _missing_key(words) or _last_line(words) or _bare_cause(state, exit_code)
    return Diagnosis(state, ERROR_CLASSES[state], cause, remedy_for(state, node_id))


def _own_configuration(node_id: str, words: str) -> Diagnosis:
    file = "data_plane.ssh.config, or your own ~/.ssh/config"
    remedy = f"mend ssh's configuration on the engine's machine ({file}); then `syncdeck nodes test {node_id}`"
    return Diagnosis(NodeState.ERROR, ErrorClass.CONFIG, words.split("\n", 1)[0][:300], remedy)


def no_greeting(node_id: str, exit_code: int | None, stderr: str, stdout: bytes) -> Diagnosis:
    """Return why an ssh child ended before the agent greeted.

    A login shell that runs something of its own (a menu, nologin, a forced command) says so on ``stdout``, and may
    well end with 0: that is no lost connection, and trying again mends nothing.
    """
    found = diagnose(node_id, exit_code, stderr)
    if exit_code == SSH_FAILED or (exit_code != 0 and found.state is not NodeState.ERROR):
        return found  # 255 is ssh's own word: no login shell had a say.
    said = _last_line(_meaningful(stdout.decode("utf-8", "replace")))
    cause = (
        found.cause if _meaningful(stderr) else f"its login shell ended (exit code {exit_code}) without running python3"
    )
    state = NodeState.ERROR
    words = f"{cause}, and said: {said}" if said else cause
    return Diagnosis(state, ERROR_CLASSES[state], words, remedy_for(state, node_id))


def unreachable(operation: str, node_id: str, diagnosis: Diagnosis) -> NodeUnreachable:
    """Return the error that carries a diagnosis."""
    return NodeUnreachable(
        operation, node_id, diagnosis.cause, diagnosis.remedy, diagnosis.error_class, diagnosis.state.value
    )


def most_telling(failures: list[NodeUnreachable]) -> NodeUnreachable:
    """Return the failure to show when every address of a node failed; earlier addresses win among equals."""
    order = {state.value: rank for rank, state in enumerate(TELLING_ORDER)}
    return min(failures, key=lambda failure: order.get(failure.state, len(order)))


def _meaningful(stderr: str) -> str:
    """Drop what ssh prints besides the reason (multiplexing fell back, a pseudo-terminal, a banner)."""
    noise = ("mux_client", "controlsocket", "control socket", "pseudo-terminal", "warning: permanently added")
    lines = (line.strip() for line in stderr.replace("\r", "").splitlines())
    return "\n".join(line for line in lines if line and not line.lower().startswith(noise))


def _missing_key(words: str) -> str:
    """Return ssh's warning about the key file: it tries others then, and only their refusal comes last."""
    return next((line for line in words.splitlines() if "Identity file" in line and "not accessible" in line), "")


def _last_line(words: str) -> str:
    return words.rsplit("\n", 1)[-1][:300]


def _bare_cause(state: NodeState, exit_code: int | None) -> str:
    if state is NodeState.NO_PYTHON:
        return "there is no python3 of version 3.8 or later"
    if exit_code is None:
        return "the connection ended"
    return f"the connection ended (exit code {exit_code})"
