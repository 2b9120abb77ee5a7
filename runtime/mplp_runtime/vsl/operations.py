# ruff: noqa: A002 - `type` and `id` are the words of the protocol
"""The whole interface of seed 1, 3.2 for every store, on top of `transact` and `read`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence

from mplp_runtime.sources import NewId, new_uuid
from mplp_runtime.vsl.file_protection import PLAIN, Protection
from mplp_runtime.vsl.graph_queries import matching_nodes
from mplp_runtime.vsl.interface import GraphQuery, Json, Node, Reading, T, Transaction
from mplp_runtime.vsl.transaction_handle import TransactionHandle


class StoreOperations(ABC):
    """What back ends and decorators inherit: each operation is one transaction, or one read.

    `file_protection` says how files that retell the state are written (`[state] files`).

    With a `transaction` from `begin_transaction` an operation becomes part of that instead.
    """

    @property
    def file_protection(self) -> Protection:
        return PLAIN

    @abstractmethod
    async def transact(self, work: Callable[[Transaction], T]) -> T:
        """Runs `work` atomically (see `ValueStateLayer.transact`)."""

    async def transact_each(self, works: Sequence[Callable[[Transaction], None]]) -> None:
        """Runs each in a transaction of its own (see `ValueStateLayer.transact_each`)."""
        for work in works:
            await self.transact(work)

    @abstractmethod
    def read(self, work: Callable[[Reading], T]) -> T:
        """Runs `work` on a consistent view (see `ValueStateLayer.read`)."""

    async def get(self, key: str, transaction: TransactionHandle | None = None) -> Json | None:
        """The value; None where there is none."""
        if transaction is not None:
            return await transaction.get(key)
        return self.read(lambda reading: reading.get(key))

    async def set(self, key: str, value: Json, transaction: TransactionHandle | None = None) -> None:
        """Keeps a JSON value. Raises StoreError for anything else."""
        if transaction is not None:
            transaction.set(key, value)
        else:
            await self.transact(lambda inner: inner.set(key, value))

    async def read_node(
        self, type: str, id: str, transaction: TransactionHandle | None = None
    ) -> Node | None:
        """The node; None if it is absent or deleted."""
        if transaction is not None:
            return await transaction.read_node(type, id)
        return self.read(lambda reading: reading.read_node(type, id))

    async def write_node(
        self, type: str, id: str, data: Mapping[str, Json], transaction: TransactionHandle | None = None
    ) -> None:
        """Creates or replaces a node."""
        if transaction is not None:
            transaction.write_node(type, id, data)
        else:
            await self.transact(lambda inner: inner.write_node(type, id, data))

    async def delete_node(self, type: str, id: str, transaction: TransactionHandle | None = None) -> None:
        """Leaves a tombstone and takes the node's edges away; nothing happens where there is no such node."""
        if transaction is not None:
            transaction.delete_node(type, id)
        else:
            await self.transact(lambda inner: inner.delete_node(type, id))

    async def query_graph(
        self, query: GraphQuery, transaction: TransactionHandle | None = None
    ) -> Sequence[Node]:
        """The nodes that are meant, by type and then in the order they were created."""
        if transaction is not None:
            return await transaction.query_graph(query)
        return self.read(lambda reading: matching_nodes(reading, query))

    async def create_snapshot(self, label: str = "", *, new_id: NewId = new_uuid) -> str:
        """Keeps all values, nodes and edges as they are now; returns the snapshot's id."""
        id = new_id()  # noqa: A001
        await self.transact(lambda transaction: transaction.create_snapshot(id, label))
        return id

    async def restore_snapshot(
        self, id: str, *, keep_keys: Sequence[str] = (), keep_types: Collection[str] = ()
    ) -> None:
        """Brings values, nodes and edges back (see `Transaction.restore_snapshot`).

        Raises StoreError if there is no such snapshot. Owners of runs are values too: where runs are under
        way, name in `keep_keys` and `keep_types` what is not to be turned back.
        """
        await self.transact(
            lambda transaction: transaction.restore_snapshot(id, keep_keys=keep_keys, keep_types=keep_types)
        )

    async def begin_transaction(self) -> TransactionHandle:
        """A transaction that may stay open while its caller awaits; nobody else is kept waiting by it."""
        return TransactionHandle(self)

    async def commit_transaction(self, transaction: TransactionHandle) -> None:
        """Makes everything done through the handle durable together.

        Raises TransactionConflict, with nothing changed, if what was read through it is no longer so.
        """
        await transaction.commit()

    async def rollback_transaction(self, transaction: TransactionHandle) -> None:
        """Forgets what was done through the handle; after `commit_transaction` nothing is left to forget."""
        transaction.roll_back()
