"""Keys of one host: what they seem to say and what they amount to."""

from __future__ import annotations

from collections.abc import Iterator

from config.document import Path
from config.lint.rule import Context, Hit, LintRule, both
from config.nodes import RENTED_PREFIXES, has_gpu, root_of
from config.types import Severity


def _gpu_none(context: Context) -> Iterator[Hit]:
    for name, host, path in context.hosts():
        if isinstance(host.gpu, str) and not has_gpu(host.gpu):
            yield Hit((*path, "gpu"), f"gpu: {host.gpu!r} of {name} is text, and old tools take it for a GPU")


def _ephemeral_by_name(context: Context) -> Iterator[Hit]:
    for name, host, path in context.hosts():
        if host.is_ephemeral is None and host.vast_instance_id is None and name.lower().startswith(RENTED_PREFIXES):
            yield Hit(path, f"{name} counts as ephemeral by its name alone; old tools disagree on which names do")


def _ephemeral_name_unknown(context: Context) -> Iterator[Hit]:
    for name, host, path in context.hosts():
        if host.is_ephemeral is None and "ephemeral" in name.lower() and not context.policy.nodes[name].ephemeral:
            yield Hit(path, f"{name} counts as durable: nothing but its name says that it is ephemeral")


def _rented_but_durable(context: Context) -> Iterator[Hit]:
    for name, host, path in context.hosts():
        if host.is_ephemeral is not False:
            continue
        said: Path = (*path, "is_ephemeral")
        if host.vast_instance_id is not None:
            message = f"{name} has a vast_instance_id and is_ephemeral: false; copies on it count as safe"
            yield from both(context, said, (*path, "vast_instance_id"), message)
        elif name.lower().startswith(RENTED_PREFIXES):
            yield Hit(said, f"{name} is rented by its name, but is_ephemeral: false; copies on it count as safe")


def _ready_without_path(context: Context) -> Iterator[Hit]:
    for name, host, path in context.hosts():
        if root_of(host) is None and context.policy.nodes[name].ready:
            yield Hit((*path, "ringrift_path"), f"{name} is ready but has no ringrift_path: it receives nothing")


def _host_without_path(context: Context) -> Iterator[Hit]:
    for name, host, path in context.hosts():
        if root_of(host) is None and not context.policy.nodes[name].ready:
            yield Hit(
                (*path, "ringrift_path"), f"{name} has no ringrift_path: no code and no data are looked for there"
            )


def _path_ends_in_ai_service(context: Context) -> Iterator[Hit]:
    for name, host, path in context.hosts():
        root = root_of(host) or ""
        if root.endswith("/ai-service") and "ai-service/ai-service" not in root:
            message = (
                f"ringrift_path of {name} ends in ai-service; syncdeck uses it as it is, old tools may append it again"
            )
            yield Hit((*path, "ringrift_path"), message)


def _path_doubled(context: Context) -> Iterator[Hit]:
    for name, host, path in context.hosts():
        if "ai-service/ai-service" in (root_of(host) or ""):
            yield Hit((*path, "ringrift_path"), f"ringrift_path of {name} has ai-service twice: {host.ringrift_path}")


def _path_relative(context: Context) -> Iterator[Hit]:
    for name, host, path in context.hosts():
        root = root_of(host)
        if root is not None and not root.startswith(("/", "~")):
            yield Hit(
                (*path, "ringrift_path"), f"ringrift_path {root} of {name} is relative; it is taken from the home"
            )


RULES = (
    LintRule(
        "gpu-none",
        Severity.NOTE,
        "gpu: none is text; syncdeck takes it for no GPU, old tools for one",
        "remove the key, or write gpu: null",
        _gpu_none,
    ),
    LintRule(
        "ephemeral-by-name",
        Severity.NOTE,
        "a rented host does not say is_ephemeral; its name decides",
        "write is_ephemeral: true or false",
        _ephemeral_by_name,
    ),
    LintRule(
        "ephemeral-name-unknown",
        Severity.WARNING,
        "a host is called ephemeral but counts as durable",
        "write is_ephemeral: true",
        _ephemeral_name_unknown,
    ),
    LintRule(
        "rented-but-durable",
        Severity.WARNING,
        "a rented host has is_ephemeral: false",
        "write is_ephemeral: true, unless the machine is really kept",
        _rented_but_durable,
    ),
    LintRule(
        "ready-without-path",
        Severity.WARNING,
        "a ready host has no ringrift_path, so it receives nothing",
        "add ringrift_path, or set status: proxy_only",
        _ready_without_path,
    ),
    LintRule(
        "host-without-path",
        Severity.NOTE,
        "a host has no ringrift_path and is not ready, as proxies are",
        "nothing; the host is neither scanned nor written to",
        _host_without_path,
    ),
    LintRule(
        "path-ends-in-ai-service",
        Severity.NOTE,
        "ringrift_path ends in ai-service, which old tools may append once more",
        "nothing for syncdeck; do not append ai-service in scripts that read this file",
        _path_ends_in_ai_service,
    ),
    LintRule(
        "path-doubled",
        Severity.NOTE,
        "ringrift_path has ai-service twice",
        "check on the host which of the two folders holds data/",
        _path_doubled,
    ),
    LintRule(
        "path-relative",
        Severity.WARNING,
        "ringrift_path is neither absolute nor below ~",
        "write it from / or ~ on",
        _path_relative,
    ),
)
