"""A store that stays in memory until something is worth keeping, then moves to where it is kept (D23)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from mplp_runtime.errors import StoreError
from mplp_runtime.vsl.decorator import StoreDecorator
from mplp_runtime.vsl.file_protection import PLAIN, Protection
from mplp_runtime.vsl.interface import T, Transaction, ValueStateLayer
from mplp_runtime.vsl.memory import KEPT_EVENTS, MemoryStore
from mplp_runtime.vsl.sqlite import SqliteStore


class LazyStore(StoreDecorator):
    """A ValueStateLayer that can be asked to become durable; what was written before comes along.

    >>> import tempfile
    >>> store = LazyStore(Path(tempfile.mkdtemp()) / "state.db")
    >>> store.transact_sync(lambda transaction: transaction.set("answer", 42))
    >>> store.path.exists(), store.persist(), store.path.exists()
    (False, True, True)
    >>> store.read(lambda reading: reading.get("answer"))
    42
    >>> store.close()
    """

    def __init__(
        self, path: Path, open_durable: Callable[[], tuple[ValueStateLayer, Protection]] | None = None
    ) -> None:
        """`open_durable` makes the store to move into; the SQLite file at `path` unless given."""
        self.path = path
        self._open_durable = open_durable or (lambda: (SqliteStore(path), PLAIN))
        self._protection: Protection = PLAIN
        self._switch = threading.RLock()
        memory = MemoryStore(kept_events={"project": KEPT_EVENTS})
        super().__init__(memory)
        self._memory: MemoryStore | None = memory
        self._is_closed = False

    @property
    def is_durable(self) -> bool:
        """Whether what is acknowledged survives the process."""
        return self._memory is None

    def persist(self) -> bool:
        """Moves into the file; False if that was done before. Raises StoreError if it cannot be used."""
        with self._switch:
            if self._is_closed:
                raise StoreError("The state is closed.")
            if self._memory is None:
                return False
            durable, protection = self._open_durable()
            try:
                durable.transact_sync(self._memory.copy_into)
            except BaseException:
                durable.close()
                raise
            self._protection = protection
            self.store, self._memory = durable, None
            return True

    def look_into(self, store: ValueStateLayer, protection: Protection) -> None:
        """Reads from `store` from now on; nothing moves into it."""
        with self._switch:
            self._protection = protection
            self.store, self._memory = store, None

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        if self._memory is not None:
            if not self._switch.acquire(blocking=False):
                # It moves right now, for as long as others keep the file locked.
                return await asyncio.to_thread(self.transact_sync, work)
            try:
                if self._memory is not None:
                    return self._memory.transact_sync(work)
            finally:
                self._switch.release()
        return await super().transact(work)

    async def transact_each(self, works: Sequence[Callable[[Transaction], None]]) -> None:
        if self._memory is None:
            await self.store.transact_each(works)
        else:
            await super().transact_each(works)

    def transact_sync(self, work: Callable[[Transaction], T]) -> T:
        if self._memory is not None:
            with self._switch:
                if self._memory is not None:
                    return self._memory.transact_sync(work)
        return super().transact_sync(work)

    def close(self) -> None:
        """Waits for a move that goes on in another thread."""
        with self._switch:
            self._is_closed = True
            super().close()

    @property
    def file_protection(self) -> Protection:
        return self._protection
