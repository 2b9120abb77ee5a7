"""A store in front of another one: what a program derives from that wants to see or change what passes."""

from __future__ import annotations

from collections.abc import Callable

from mplp_runtime.vsl.file_protection import Protection
from mplp_runtime.vsl.interface import Reading, T, Transaction, ValueStateLayer
from mplp_runtime.vsl.operations import StoreOperations


class StoreDecorator(StoreOperations):
    """Hands everything on to `store`, which it closes with itself.

    All writing goes through `transact` and `transact_sync`, all reading through `read`: whoever overrides
    these three sees everything, whichever operation of the interface is called.

    >>> from mplp_runtime.vsl.memory import MemoryStore
    >>> class Counting(StoreDecorator):
    ...     reads = 0
    ...     def read(self, work):
    ...         self.reads += 1
    ...         return super().read(work)
    >>> store = Counting(MemoryStore())
    >>> store.transact_sync(lambda transaction: transaction.set("answer", 42))
    >>> store.read(lambda reading: reading.get("answer")), store.reads
    (42, 1)
    """

    def __init__(self, store: ValueStateLayer) -> None:
        self.store = store

    @property
    def file_protection(self) -> Protection:
        return self.store.file_protection

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        return await self.store.transact(work)

    def transact_sync(self, work: Callable[[Transaction], T]) -> T:
        """The same for callers without an event loop."""
        return self.store.transact_sync(work)

    def read(self, work: Callable[[Reading], T]) -> T:
        return self.store.read(work)

    def data_version(self) -> int:
        """A number that changes when another process has committed."""
        return self.store.data_version()

    def show_sealed(self) -> None:
        """From now on encrypted rows are handed out as they stand."""
        self.store.show_sealed()

    def close(self) -> None:
        """Closes both."""
        self.store.close()
