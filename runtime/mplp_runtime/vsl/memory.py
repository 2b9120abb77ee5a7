"""A store that lives as long as the process: for tests, for read-only and for untrusted folders (D23)."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping

from mplp_runtime.errors import StoreError
from mplp_runtime.vsl.callbacks import run_callback
from mplp_runtime.vsl.interface import Reading, T, Transaction
from mplp_runtime.vsl.memory_tables import Tables
from mplp_runtime.vsl.memory_transaction import MemoryTransaction
from mplp_runtime.vsl.operations import StoreOperations
from mplp_runtime.vsl.values import MISPLACED_TRANSACTION, StoreLimits

KEPT_EVENTS = 4_000
"""Of a stream that tells a whole project's story: each edit adds to it for as long as the process lives, and
nobody reads far back in it where no timeline is written. Streams of runs are kept whole."""


class MemoryStore(StoreOperations):
    """A ValueStateLayer in this process's memory, with the same promises as the SQLite one but durability.

    `kept_events` names streams of which only that many of the newest events are sure to stay.
    """

    def __init__(
        self, *, limits: StoreLimits | None = None, kept_events: Mapping[str, int] | None = None
    ) -> None:
        self._kept_events = dict(kept_events or {})
        self._limits = limits or StoreLimits()
        self._tables = Tables()
        # Entered again by a read inside a read.
        self._lock = threading.RLock()
        self._reading_thread: int | None = None
        self._working_thread: int | None = None
        # Callbacks run outside the lock: they may wait for somebody who wants to read.
        self._undelivered: deque[Callable[[], None]] = deque()
        self._delivery = threading.Lock()
        self._delivering_thread: int | None = None
        self._is_closed = False
        self._shows_sealed = False

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        return self.transact_sync(work)

    def transact_sync(self, work: Callable[[Transaction], T]) -> T:
        if threading.get_ident() in {self._working_thread, self._delivering_thread, self._reading_thread}:
            raise RuntimeError(MISPLACED_TRANSACTION)
        with self._lock:
            self._refuse_if_closed()
            transaction = MemoryTransaction(self._tables, self._limits, shows_sealed=self._shows_sealed)
            self._working_thread = threading.get_ident()
            try:
                result = work(transaction)
            except BaseException:
                transaction.roll_back()
                raise
            finally:
                self._working_thread = None
            for stream, kept in self._kept_events.items():
                self._tables.shorten(stream, kept)
            self._undelivered.extend(transaction.callbacks)
        self._deliver()
        return result

    def read(self, work: Callable[[Reading], T]) -> T:
        if self._working_thread == threading.get_ident():
            raise RuntimeError("inside a transaction, read through it")
        with self._lock:
            self._refuse_if_closed()
            outer, self._reading_thread = self._reading_thread, threading.get_ident()
            try:
                return work(MemoryTransaction(self._tables, self._limits, shows_sealed=self._shows_sealed))
            finally:
                self._reading_thread = outer

    def copy_into(self, transaction: Transaction) -> None:
        """Brings everything into another store, which need not be empty: what it has under a key stays.

        Events follow those that are there, in their order, and so get new logical times.
        """
        with self._lock:
            tables = self._tables
            source = MemoryTransaction(tables, self._limits)
            for key in tables.entries:
                if transaction.get(key) is None:
                    transaction.set(key, source.get(key))
            for type_ in tables.nodes:
                for node in source.nodes(type_, deleted=True):
                    transaction.write_node(type_, node.id, node.data)
                    if node.deleted:
                        transaction.delete_node(type_, node.id)
            for edge in source.edges():
                transaction.add_edge(edge)
            for stored in source.events():
                transaction.append_event(stored.stream, stored.event)

    def data_version(self) -> int:
        """Always 1: no other process can write here."""
        return 1

    def show_sealed(self) -> None:
        self._shows_sealed = True

    def close(self) -> None:
        with self._lock:
            self._is_closed = True

    def _deliver(self) -> None:
        """Runs callbacks in the order of commits; when it returns, those of the caller have run."""
        with self._delivery:
            self._delivering_thread = threading.get_ident()
            try:
                while self._undelivered:
                    run_callback(self._undelivered.popleft())
            finally:
                self._delivering_thread = None

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise StoreError("The state is closed.")
