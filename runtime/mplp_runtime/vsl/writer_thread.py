"""One thread that commits units of work, as many together as are waiting."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from mplp_runtime.errors import StoreError
from mplp_runtime.vsl.group_commit import Unit, settle
from mplp_runtime.vsl.interface import T, Transaction
from mplp_runtime.vsl.values import StoreLimits

_PAUSE_S = 0.001


class WriterThread:
    """Takes work from any thread or loop; `commit` runs what is waiting and says how it went."""

    def __init__(self, commit: Callable[[Sequence[Unit]], Sequence[Unit]], limits: StoreLimits) -> None:
        self._commit = commit
        self._limits = limits
        self._waiting: queue.SimpleQueue[Unit | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self.is_closed = False
        self._thread = threading.Thread(target=self._write_until_closed, name="mplp-state", daemon=True)
        self._thread.start()

    @property
    def is_current(self) -> bool:
        """Whether the caller runs on this very thread."""
        return threading.current_thread() is self._thread

    async def run(self, work: Callable[[Transaction], T]) -> T:
        """Waits without blocking the loop. Raises what the work raises, and StoreError once it is closed."""
        # No event tells of room: it is made on the writer's thread, for callers on any loop.
        while self._is_full():  # noqa: ASYNC110
            await asyncio.sleep(_PAUSE_S)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._submit(Unit(work, future, loop))
        return await future

    def run_sync(self, work: Callable[[Transaction], T]) -> T:
        """The same for callers without a loop."""
        while self._is_full():
            time.sleep(_PAUSE_S)
        future: Future[T] = Future()
        self._submit(Unit(work, future))
        return future.result()

    def close(self) -> bool:
        """Commits what is waiting and ends; False if that was done before."""
        with self._gate:
            if self.is_closed:
                return False
            self.is_closed = True
            self._waiting.put(None)
        self._thread.join()
        return True

    def _submit(self, unit: Unit) -> None:
        with self._gate:
            if self.is_closed:
                raise StoreError("The state is closed.")
            self._waiting.put(unit)

    def _is_full(self) -> bool:
        return self._waiting.qsize() >= self._limits.pending and not self.is_closed

    def _write_until_closed(self) -> None:
        is_open = True
        while is_open:
            units: list[Unit] = []
            unit = self._waiting.get()
            while unit is not None:
                units.append(unit)
                if len(units) >= self._limits.batch:
                    break
                try:
                    unit = self._waiting.get_nowait()
                except queue.Empty:
                    break
            is_open = unit is not None
            settle(self._commit(units))
            # What they hold must not wait here until somebody else writes.
            unit = None
            units.clear()
