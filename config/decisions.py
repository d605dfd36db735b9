"""Who receives what, and which line says so: one decision for every host and data type.

Precedence, first to last; the first that says no decides, except that external storage lifts the last three:
status (only ``ready`` receives), no ``ringrift_path``, ``data_plane`` switches, ``skip_sync_receive``;
``sync_routing.excluded_hosts``, ``auto_sync.exclude_hosts``, role coordinator. Checkpoints follow models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from config.document import Document, Path
from config.nodes import is_coordinator, root_of, status_of
from config.schema.cluster import ClusterFile
from config.schema.host import Host
from config.types import DataType, Decision

_RECEIVE_KEYS: Mapping[DataType, str] = {
    DataType.GAMES: "receive_games",
    DataType.NPZ: "receive_npz",
    DataType.MODELS: "receive_models",
}


def build_decisions(document: Document, cluster: ClusterFile) -> dict[tuple[str, DataType], Decision]:
    """Return the decision for every host of the file and every data type, in the order of the file."""
    decider = _Decider(document, cluster)
    return {
        (name, data_type): decider.decide(name, host, data_type)
        for name, host in cluster.hosts.items()
        for data_type in DataType
    }


class _Decider:
    """Holds the file while its hosts are judged one by one."""

    def __init__(self, document: Document, cluster: ClusterFile) -> None:
        self._document = document
        self._cluster = cluster
        excluded = cluster.routing.excluded_hosts or ()
        self._excluded = {item.name: index for index, item in reversed(list(enumerate(excluded)))}
        auto = cluster.sync.exclude_hosts or ()
        self._auto_excluded = {name: index for index, name in reversed(list(enumerate(auto)))}

    def decide(self, name: str, host: Host, data_type: DataType) -> Decision:
        """Return the decision for one host and type."""
        if data_type is DataType.CHECKPOINT:
            return self._follow_models(name, host)
        return self._switched_off(name, host, data_type) or self._routed(name, host, data_type)

    def _follow_models(self, name: str, host: Host) -> Decision:
        own = self._switch(name, DataType.CHECKPOINT)
        if own is not None and status_of(host) == "ready" and root_of(host) is not None:
            return own
        models = self.decide(name, host, DataType.MODELS)
        because = f"checkpoint follows models: {models.because}"
        return Decision(models.receives, because, models.line, models.external_only)

    def _switched_off(self, name: str, host: Host, data_type: DataType) -> Decision | None:
        """Return the refusal that nothing lifts, or None."""
        where: Path = ("hosts", name)
        if status_of(host) != "ready":
            said = f"status: {status_of(host)}" if host.status else "no status"
            return self._no(f"{said} (only ready receives)", (*where, "status"))
        if root_of(host) is None:
            said = "ringrift_path: null" if self._document.has((*where, "ringrift_path")) else "no ringrift_path"
            return self._no(f"{said} (no folder to receive in)", (*where, "ringrift_path"))
        if (switch := self._switch(name, data_type)) is not None:
            return switch
        if host.skip_sync_receive:
            return self._no("skip_sync_receive: true", (*where, "skip_sync_receive"))
        return None

    def _switch(self, name: str, data_type: DataType) -> Decision | None:
        plane = self._cluster.plane
        node = (plane.nodes or {}).get(name)
        path: Path = ("data_plane", "nodes", name)
        if node is not None and node.enabled is False:
            inner = (*path, "enabled")
            return self._no(f"data_plane.nodes.{name} is off", inner if self._document.has(inner) else path)
        if node is not None and getattr(node, data_type.value) is False:
            return self._no(f"data_plane.nodes.{name}.{data_type.value}: false", (*path, data_type.value))
        if plane.data_types is not None and getattr(plane.data_types, data_type.value) is False:
            type_path = ("data_plane", "data_types", data_type.value)
            return self._no(f"data_plane.data_types.{data_type.value}: false", type_path)
        return None

    def _routed(self, name: str, host: Host, data_type: DataType) -> Decision:
        steps: tuple[Callable[[str, Host, DataType], Decision | None], ...] = (
            self._by_exclusion,
            self._by_auto_exclusion,
            self._by_coordination,
        )
        refusal = next((found for step in steps if (found := step(name, host, data_type)) is not None), None)
        if refusal is None:
            return self._received(name, data_type)
        return self._on_drive(name, data_type, refusal)

    def _received(self, name: str, data_type: DataType) -> Decision:
        """Return the decision for what nothing keeps away, with the line that lets it in."""
        if data_type is DataType.MODELS and name in self._excluded:
            path: Path = ("sync_routing", "excluded_hosts", self._excluded[name], "receive_models")
            because = "status: ready, and sync_routing.excluded_hosts leaves it the models: receive_models: true"
            return Decision(True, because, self._document.line(path))
        return Decision(True, "status: ready, and nothing excludes it", self._document.line(("hosts", name, "status")))

    def _by_exclusion(self, name: str, host: Host, data_type: DataType) -> Decision | None:
        index = self._excluded.get(name)
        if index is None:
            return None
        item = (self._cluster.routing.excluded_hosts or ())[index]
        path: Path = ("sync_routing", "excluded_hosts", index)
        if data_type is DataType.MODELS and item.receive_models:
            return None
        key = _RECEIVE_KEYS[data_type]
        inner = (*path, key)
        return self._no("excluded: sync_routing.excluded_hosts", inner if self._document.has(inner) else path)

    def _by_auto_exclusion(self, name: str, host: Host, data_type: DataType) -> Decision | None:
        index = self._auto_excluded.get(name)
        if index is None:
            return None
        return self._no("excluded: auto_sync.exclude_hosts", ("auto_sync", "exclude_hosts", index))

    def _by_coordination(self, name: str, host: Host, data_type: DataType) -> Decision | None:
        if data_type is DataType.MODELS or not is_coordinator(host):
            return None
        key = "role" if (host.role or "").strip().lower() == "coordinator" else "is_coordinator"
        said = "role: coordinator" if key == "role" else "is_coordinator: true"
        return self._no(f"{said} ({data_type.value} only on allowed external storage)", ("hosts", name, key))

    def _on_drive(self, name: str, data_type: DataType, refusal: Decision) -> Decision:
        """Return the refusal, unless a drive of the host receives the type in spite of it."""
        key = _RECEIVE_KEYS[data_type]
        refused_by: Decision | None = None
        for index, item in enumerate(self._cluster.routing.allowed_external_storage or ()):
            if item.host != name:
                continue
            path: Path = ("sync_routing", "allowed_external_storage", index)
            line_path = (*path, key) if self._document.has((*path, key)) else path
            if getattr(item, key) is not False:
                because = f"on external storage {item.path} only: {refusal.because}"
                return Decision(True, because, self._document.line(line_path), external_only=True)
            refused_by = self._no(f"external storage {item.path} has {key}: false; {refusal.because}", line_path)
        return refused_by or refusal

    def _no(self, because: str, path: Path) -> Decision:
        """Return a refusal with the line of ``path``; where the file is silent, that of the host itself."""
        return Decision(False, because, self._document.mark(path).line)
