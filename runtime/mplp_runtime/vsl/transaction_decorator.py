# ruff: noqa: A002 - `type` and `id` are the words of the protocol
"""A transaction in front of another one: what a store in front of a store hands to work derives from it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from mplp_runtime.vsl.interface import (
    Edge,
    Json,
    Node,
    Reading,
    Snapshot,
    StoredEvent,
    StoredForm,
    Transaction,
)


class ReadingDecorator:
    """Shows what another Reading shows."""

    def __init__(self, inner: Reading) -> None:
        self._inner = inner

    def get(self, key: str) -> Json | None:
        return self._inner.get(key)

    def keys(self, prefix: str = "") -> Sequence[str]:
        return self._inner.keys(prefix)

    def lamport(self) -> int:
        return self._inner.lamport()

    def read_node(self, type: str, id: str, *, deleted: bool = False) -> Node | None:
        return self._inner.read_node(type, id, deleted=deleted)

    def nodes(self, type: str, *, deleted: bool = False) -> Sequence[Node]:
        return self._inner.nodes(type, deleted=deleted)

    def node_types(self) -> Sequence[str]:
        return self._inner.node_types()

    def edges(
        self,
        *,
        kind: str | None = None,
        source: tuple[str, str] | None = None,
        target: tuple[str, str] | None = None,
    ) -> Sequence[Edge]:
        return self._inner.edges(kind=kind, source=source, target=target)

    def events(
        self, stream: str | None = None, *, after: int = 0, limit: int | None = None
    ) -> Sequence[StoredEvent]:
        return self._inner.events(stream, after=after, limit=limit)

    def snapshots(self) -> Sequence[Snapshot]:
        return self._inner.snapshots()

    def key_id(self) -> str | None:
        return self._inner.key_id()


class TransactionDecorator(ReadingDecorator):
    """Hands everything on to another Transaction."""

    _inner: Transaction

    def __init__(self, inner: Transaction) -> None:
        super().__init__(inner)

    def set(self, key: str, value: Json) -> None:
        self._inner.set(key, value)

    def delete(self, key: str) -> None:
        self._inner.delete(key)

    def create_node(self, type: str, id: str, data: Mapping[str, Json]) -> Node:
        return self._inner.create_node(type, id, data)

    def write_node(
        self, type: str, id: str, data: Mapping[str, Json], *, expected_version: int | None = None
    ) -> Node:
        return self._inner.write_node(type, id, data, expected_version=expected_version)

    def delete_node(self, type: str, id: str) -> bool:
        return self._inner.delete_node(type, id)

    def add_edge(self, edge: Edge) -> bool:
        return self._inner.add_edge(edge)

    def remove_edge(self, edge: Edge) -> bool:
        return self._inner.remove_edge(edge)

    def append_event(self, stream: str, event: Mapping[str, Json]) -> int:
        return self._inner.append_event(stream, event)

    def create_snapshot(self, id: str, label: str = "") -> Snapshot:
        return self._inner.create_snapshot(id, label)

    def restore_snapshot(
        self, id: str, *, keep_keys: Sequence[str] = (), keep_types: Collection[str] = ()
    ) -> None:
        self._inner.restore_snapshot(id, keep_keys=keep_keys, keep_types=keep_types)

    def delete_snapshot(self, id: str) -> bool:
        return self._inner.delete_snapshot(id)

    def reseal(self, change: Callable[[StoredForm], StoredForm], key_id: str | None) -> None:
        self._inner.reseal(change, key_id)

    def after_commit(self, callback: Callable[[], None]) -> None:
        self._inner.after_commit(callback)
