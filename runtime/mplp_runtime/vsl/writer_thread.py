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
        return await self._run(work, ())

    async def run_each(self, works: Sequence[Callable[[Transaction], None]]) -> None:
        """The same for several, each in a commit of its own; none is done after one that raises."""
        if works:
            await self._run(works[0], works[1:])

    async def _run(self, work: Callable[[Transaction], T], others: Sequence[Callable[[Transaction], T]]) -> T:
        # No event tells of room: it is made on the writer's thread, for callers on any loop.
        while self._is_full():  # noqa: ASYNC110
            await asyncio.sleep(_PAUSE_S)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._submit(Unit(work, future, loop, others=others))
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
        units: list[Unit] = []
        while is_open or units:
            if is_open:
                is_open = self._add_waiting(units)
            units = self._write(units)

    def _write(self, units: Sequence[Unit]) -> list[Unit]:
        """Commits what these have to do now; those that have more to do."""
        going_on, settled = list[Unit](), list[Unit]()
        for unit in self._commit(units):
            (going_on if unit.take_next() else settled).append(unit)
        settle(settled)
        return going_on

    def _add_waiting(self, units: list[Unit]) -> bool:
        """Waits for something to do, unless there is already; False once nothing more is going to come.

        Whatever was done is not held here while that takes until somebody else writes.
        """
        while len(units) < self._limits.batch:
            try:
                unit = self._waiting.get(block=not units)
            except queue.Empty:
                break
            if unit is None:
                return False
            units.append(unit)
        return True
