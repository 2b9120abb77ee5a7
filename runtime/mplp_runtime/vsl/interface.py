# ruff: noqa: A002 - `type` and `id` are the words of the protocol
"""The Value State Layer as the rest of the runtime sees it (seed 1, 3.2), in snake_case.

Work that must be atomic is a plain function over a `Transaction`, handed to `transact`. The SQLite back end
runs such functions on one writer thread and commits many of them together (group commit), which is why the
function must be quick, must not await, and must not keep the transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from mplp_runtime.vsl.file_protection import Protection

T = TypeVar("T")
Json = Any
"""A JSON value: dict, list, str, int, float, bool or None."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node of the graph. `version` starts at 1 and rises by one with each write."""

    type: str
    id: str
    data: Mapping[str, Json]
    version: int
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """A directed edge (`kind`: `dependency`, `context`, `plan`, ...) between two nodes."""

    kind: str
    source_type: str
    source_id: str
    target_type: str
    target_id: str


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event of the log. `lamport` is unique and rising within one store."""

    lamport: int
    stream: str
    event: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All values, nodes and edges as they were at one moment; `lamport` is that of the newest event then."""

    id: str
    lamport: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class GraphQuery:
    """Which nodes are meant (`queryGraph` of seed 1, 3.2); what is not said does not narrow.

    `where` holds members of the data that must be equal. `source` and `target` are (type, id): the node is
    one that an edge leads to from `source`, or from which one leads to `target`; `kind` is that edge's.
    `ids` are the nodes' own. `path` is a file of the project, or a folder with all that is below it, relative
    and with `/`. `changed_since` is a Lamport time: meant is what a `graph_update` after it tells of; of
    several nodes that were written as one (`bulk`) all those count that belong to what it is about.
    """

    type: str | None = None
    where: Mapping[str, Json] = field(default_factory=dict)
    ids: Collection[str] | None = None
    path: str | None = None
    changed_since: int | None = None
    source: tuple[str, str] | None = None
    target: tuple[str, str] | None = None
    kind: str | None = None
    deleted: bool = False
    limit: int | None = None


class Reading(Protocol):
    """What may be read, inside or outside a transaction."""

    def get(self, key: str) -> Json | None: ...
    def keys(self, prefix: str = "") -> Sequence[str]:
        """Keys that start with `prefix`, sorted by code point."""

    def lamport(self) -> int:
        """The Lamport time of the newest event; 0 in a fresh store."""

    def read_node(self, type: str, id: str, *, deleted: bool = False) -> Node | None:
        """The node; None if it is absent, or a tombstone and `deleted` is False."""

    def nodes(self, type: str, *, deleted: bool = False) -> Sequence[Node]:
        """All nodes of one type, in the order they were created."""

    def node_types(self) -> Sequence[str]:
        """The types of which there is or was a node, sorted by code point."""

    def edges(
        self,
        *,
        kind: str | None = None,
        source: tuple[str, str] | None = None,
        target: tuple[str, str] | None = None,
    ) -> Sequence[Edge]: ...
    def events(
        self, stream: str | None = None, *, after: int = 0, limit: int | None = None
    ) -> Sequence[StoredEvent]:
        """Events with a lamport above `after`, rising."""

    def snapshots(self) -> Sequence[Snapshot]:
        """The snapshots that are kept, oldest first."""

    def key_id(self) -> str | None:
        """The id of the key that everything is encrypted with; None for a store in plain text."""


StoredForm = tuple[str, str | None]
"""A stored text, and the id of the key it is encrypted with (None: JSON in plain text)."""


class Transaction(Reading, Protocol):
    """What may be changed. Everything done through it becomes durable together, or not at all."""

    def set(self, key: str, value: Json) -> None: ...
    def delete(self, key: str) -> None: ...
    def create_node(self, type: str, id: str, data: Mapping[str, Json]) -> Node:
        """A new node of version 1. Raises NodeExists if it is there already (tombstones count)."""

    def write_node(
        self, type: str, id: str, data: Mapping[str, Json], *, expected_version: int | None = None
    ) -> Node:
        """Creates or replaces. Raises NodeConflict if `expected_version` is not the stored one."""

    def delete_node(self, type: str, id: str) -> bool:
        """Leaves a tombstone and removes the node's edges; False if there was nothing to delete."""

    def add_edge(self, edge: Edge) -> bool:
        """False if the edge was there already. Raises NodeMissing where an end is not in the graph."""

    def remove_edge(self, edge: Edge) -> bool: ...
    def append_event(self, stream: str, event: Mapping[str, Json]) -> int:
        """Stores the event; its Lamport time comes from the store's clock in this transaction.

        Where the event is an EventCore (it has `event_family`) the stored event carries `lamport_timestamp`;
        SA and MAP events carry `payload.lamport_timestamp` (their schemas are closed).
        """

    def create_snapshot(self, id: str, label: str = "") -> Snapshot:
        """Keeps all values, nodes and edges as they are now. Raises StoreError if the id is taken."""

    def restore_snapshot(
        self, id: str, *, keep_keys: Sequence[str] = (), keep_types: Collection[str] = ()
    ) -> None:
        """Brings values, nodes and edges back to what they were; the snapshot stays.

        The event log and the Lamport clock go on. Versions go on rising: a node that was written or deleted
        since has its old data under a new version, one that is newer than the snapshot becomes a tombstone.
        Keys that begin with one of `keep_keys`, nodes of `keep_types` and their edges stay as they are.
        Raises StoreError if there is no such snapshot.
        """

    def delete_snapshot(self, id: str) -> bool:
        """False if there was no such snapshot."""

    def reseal(self, change: Callable[[StoredForm], StoredForm], key_id: str | None) -> None:
        """Rewrites every stored text, snapshots included; from now on all of it is sealed with `key_id`."""

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Runs `callback` once this work is durable, before `transact` returns; never if it is undone.

        Callbacks of all transactions run one after the other, in the order of their commits, on the thread
        that commits. They must be quick and must not write to the store; what they raise is logged.
        """


class ValueStateLayer(Protocol):
    """A store. All methods are safe to call from any thread or event loop.

    What the seed asks for beyond `get` and `set` stands in `operations.StoreOperations`, which every back end
    and every decorator inherits.
    """

    async def get(self, key: str) -> Json | None: ...
    async def set(self, key: str, value: Json) -> None: ...
    async def transact(self, work: Callable[[Transaction], T]) -> T:
        """Runs `work` atomically; returns when its effects are durable. Any exception undoes it all."""

    async def transact_each(self, works: Sequence[Callable[[Transaction], None]]) -> None:
        """Runs one after the other, each as `transact` does; returns when the last is durable.

        Raises what one of them raises: those before it are durable, and none after it was run. What others
        want to write may come in between.
        """
        for work in works:
            await self.transact(work)

    def transact_sync(self, work: Callable[[Transaction], T]) -> T:
        """The same for callers without an event loop."""

    def read(self, work: Callable[[Reading], T]) -> T:
        """Runs `work` on a consistent view of what is committed. Inside a transaction, read through it.

        A read may be inside another, a transaction may not. `work` may be run more than once, where the state
        was written meanwhile: it makes what it fills, and only what the last one returned counts.
        """

    def data_version(self) -> int:
        """A number that changes when another process has committed (SQLite: PRAGMA data_version)."""

    def show_sealed(self) -> None:
        """From now on encrypted rows are handed out as `values.Sealed` instead of being refused."""

    @property
    def file_protection(self) -> Protection:
        """How files that retell this state are written."""

    def close(self) -> None: ...
