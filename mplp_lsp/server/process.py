"""What all sessions of one process share: worker threads, the runtime's thread, and the end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from mplp_lsp.server.imports import import_one
from mplp_lsp.server.pace import Pace
from mplp_runtime.sources import Clock, system_clock

if TYPE_CHECKING:
    from mplp_lsp.server.runtime_host import RuntimeHost
    from mplp_lsp.server.session import Session

T = TypeVar("T")


class ServerProcess:
    """Owner of everything that outlives a session. Made inside the running loop."""

    def __init__(self, *, clock: Clock = system_clock) -> None:
        self.clock = clock
        self.loop = asyncio.get_running_loop()
        self.sessions: set[Session] = set()
        self.pace = Pace()
        self.is_warm = False
        self.stopped = asyncio.Event()
        self.exit_code = 1
        self._is_closed = False
        self._heard_s = self.loop.time()
        # Our own threads: pygls reads standard input through its pool; work there makes the server deaf (P9).
        self._workers = ThreadPoolExecutor(
            max_workers=max(2, min(4, os.cpu_count() or 2)), thread_name_prefix="mplp-work"
        )
        # What nobody waits for has a thread of its own, where it may stop without holding up a worker.
        self._background = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mplp-background")
        self._runtimes: RuntimeHost | None = None
        self._imported: dict[str, ModuleType] = {}

    def now(self) -> datetime:
        return self.clock()

    def heard(self) -> None:
        """A client has sent something."""
        self._heard_s = self.loop.time()

    def quiet_for_s(self) -> float:
        """How long no client has sent anything."""
        return self.loop.time() - self._heard_s

    def session(self) -> Session:
        """A new session, forgotten again when it ends."""
        from mplp_lsp.server.session import Session

        session = Session(self)
        self.sessions.add(session)
        return session

    def forget(self, session: Session) -> None:
        """Called by a session that has ended."""
        self.sessions.discard(session)

    def stop(self) -> None:
        """Ends the process (signals call this)."""
        if self.sessions and all(session.protocol.state == "shutdown" for session in self.sessions):
            self.exit_code = 0
        self.stopped.set()

    @property
    def runtimes(self) -> RuntimeHost:
        """The thread that runtimes live on; started by the first question for it."""
        if self._runtimes is None:
            from mplp_lsp.server.runtime_host import RuntimeHost

            self._runtimes = RuntimeHost()
        return self._runtimes

    @property
    def has_runtimes(self) -> bool:
        return self._runtimes is not None

    async def work(self, task: Callable[[], T]) -> T:
        """Runs `task` in a worker thread, in this context; cancelled once the process closes."""
        return await self._run_in(self._workers, task)

    async def work_behind(self, task: Callable[[], T]) -> T:
        """The same for what nobody waits for: one task at a time, beside the workers."""
        return await self._run_in(self._background, task)

    async def _run_in(self, pool: ThreadPoolExecutor, task: Callable[[], T]) -> T:
        if self._is_closed:
            raise asyncio.CancelledError
        context = copy_context()
        return await self.loop.run_in_executor(pool, lambda: context.run(task))

    async def imported(self, module: str) -> Any:
        """A module that takes long to import, at its first use; the loop goes on meanwhile."""
        if module not in self._imported:
            # Not from `sys.modules`: what another thread is importing already stands there, half done.
            self._imported[module] = await self.work_behind(lambda: import_one(module))
        return self._imported[module]

    async def close(self) -> None:
        """Closes runtimes (D26: their processes end, their runs can be resumed). Threads are left to die."""
        self._is_closed = True
        if self._runtimes is not None:
            await self._runtimes.close()
        for pool in (self._workers, self._background):
            pool.shutdown(wait=False, cancel_futures=True)
