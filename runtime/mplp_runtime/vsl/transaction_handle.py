# ruff: noqa: A002 - `type` and `id` are the words of the protocol
"""Transactions that stay open while their caller awaits (seed 1, 3.2 and 6.1), where commits are shared.

A store runs units of work one after the other on one thread; a transaction that waited for its caller there
would stop everybody. So a handle keeps what is to be written, and `commit` does all of it in one unit of
work, which makes sure that everything read through the handle would be read again (optimistic concurrency).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from mplp_runtime.errors import StoreError, TransactionConflict
from mplp_runtime.vsl.graph_queries import matching_nodes
from mplp_runtime.vsl.interface import Edge, GraphQuery, Json, Node, Reading, T, Transaction
from mplp_runtime.vsl.values import as_stored

Step = Callable[[Transaction], object]


class _Store(Protocol):
    async def transact(self, work: Callable[[Transaction], T]) -> T: ...
    def read(self, work: Callable[[Reading], T]) -> T: ...


class _Answer(Exception):
    """Carries what was read out of a unit of work that is to leave nothing behind."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class TransactionHandle:
    """Made by `begin_transaction`. Reads see what was written through the same handle before.

    A write is checked when it is next read or committed (NodeConflict); a value that is no JSON is refused at
    once. Belongs to one caller. Reading after writing runs the writes and undoes them: meant for a handful of
    changes, not for thousands.
    """

    def __init__(self, store: _Store) -> None:
        self._store = store
        self._steps: list[Step] = []
        self._has_writes = False
        self._is_over = False

    async def get(self, key: str) -> Json | None:
        return await self._read(lambda reading: reading.get(key))

    async def read_node(self, type: str, id: str) -> Node | None:
        return await self._read(lambda reading: reading.read_node(type, id))

    async def edges(
        self,
        *,
        kind: str | None = None,
        source: tuple[str, str] | None = None,
        target: tuple[str, str] | None = None,
    ) -> Sequence[Edge]:
        return await self._read(lambda reading: reading.edges(kind=kind, source=source, target=target))

    async def query_graph(self, query: GraphQuery) -> Sequence[Node]:
        return await self._read(lambda reading: matching_nodes(reading, query))

    def set(self, key: str, value: Json) -> None:
        kept = as_stored(value)
        self._write(lambda transaction: transaction.set(key, kept))

    def delete(self, key: str) -> None:
        self._write(lambda transaction: transaction.delete(key))

    def write_node(
        self, type: str, id: str, data: Mapping[str, Json], *, expected_version: int | None = None
    ) -> None:
        kept = as_stored(dict(data))
        self._write(
            lambda transaction: transaction.write_node(type, id, kept, expected_version=expected_version)
        )

    def delete_node(self, type: str, id: str) -> None:
        self._write(lambda transaction: transaction.delete_node(type, id))

    def add_edge(self, edge: Edge) -> None:
        self._write(lambda transaction: transaction.add_edge(edge))

    def remove_edge(self, edge: Edge) -> None:
        self._write(lambda transaction: transaction.remove_edge(edge))

    def append_event(self, stream: str, event: Mapping[str, Json]) -> None:
        """The event gets its Lamport time when the transaction is committed."""
        kept = as_stored(dict(event))
        self._write(lambda transaction: transaction.append_event(stream, kept))

    async def commit(self) -> None:
        """Does everything in one unit of work. Raises TransactionConflict where what was read has changed."""
        self._refuse_if_over()
        self._is_over = True
        steps = self._steps

        def work(transaction: Transaction) -> None:
            for step in steps:
                step(transaction)

        await self._store.transact(work)

    def roll_back(self) -> None:
        """Forgets everything; fine also after `commit`."""
        self._is_over = True
        self._steps = []

    def _write(self, step: Step) -> None:
        self._refuse_if_over()
        self._steps.append(step)
        self._has_writes = True

    async def _read(self, question: Callable[[Reading], T]) -> T:
        self._refuse_if_over()
        answer = await self._answer(question) if self._has_writes else self._store.read(question)
        before = answer

        def is_still_so(transaction: Transaction) -> None:
            if question(transaction) != before:
                raise TransactionConflict(
                    "What this transaction has read was changed meanwhile; nothing was saved. Begin it again."
                )

        self._steps.append(is_still_so)
        return answer

    async def _answer(self, question: Callable[[Reading], T]) -> T:
        steps = tuple(self._steps)

        def work(transaction: Transaction) -> None:
            for step in steps:
                step(transaction)
            raise _Answer(question(transaction))

        try:
            await self._store.transact(work)
        except _Answer as found:
            answer: T = found.value
            return answer
        raise AssertionError("unreachable: the work always raises")

    def _refuse_if_over(self) -> None:
        if self._is_over:
            raise StoreError("This transaction is over; begin another one.")
