"""Runtimes on a loop and a thread of their own, so that a run never delays a keystroke.

One Runtime per project root, opened at its first use and shared by all sessions of this process.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mplp_lsp.server.imports import import_one

if TYPE_CHECKING:
    from mplp_runtime.orchestrator.views import RunView
    from mplp_runtime.runtime import Runtime

T = TypeVar("T")
RunListener = Callable[[Path, "RunView"], None]

logger = logging.getLogger(__name__)


class RuntimeHost:
    """A daemon thread with an event loop, and the runtimes that live there."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._runtimes: dict[Path, asyncio.Task[Runtime]] = {}
        self._listeners: dict[int, RunListener] = {}
        self._under_way: set[asyncio.Task[object]] = set()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run_loop, name="mplp-runtime", daemon=True)
        self._thread.start()

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    async def run(self, root: Path, work: Callable[[Runtime], Awaitable[T]], *, in_memory: bool = False) -> T:
        """What `work` returns, run on the runtime's loop; cancelling the caller cancels `work`.

        `in_memory` counts only when this call is the one that opens the runtime (D23).
        """
        if self._is_closed:
            raise asyncio.CancelledError

        async def inside() -> T:
            task = asyncio.current_task()
            if task is not None:
                self._under_way.add(task)
            try:
                return await work(await self._runtime(root, in_memory=in_memory))
            except Exception:
                if self._is_closed:
                    # The state went away under this work because all are leaving: nobody waits for an answer.
                    raise asyncio.CancelledError from None
                raise
            finally:
                if task is not None:
                    self._under_way.discard(task)

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(inside(), self._loop))

    def is_open(self, root: Path) -> bool:
        """Whether a runtime of `root` has been asked for."""
        return root in self._runtimes

    def listen(self, key: int, listener: RunListener) -> None:
        """Calls `listener` on the runtime thread for each changed run, until `unlisten`."""
        self._listeners[key] = listener

    def unlisten(self, key: int) -> None:
        self._listeners.pop(key, None)

    async def _runtime(self, root: Path, *, in_memory: bool) -> Runtime:
        opening = self._runtimes.get(root)
        if opening is None:
            # A task of its own: whoever asked first may go away, and others wait for the same runtime.
            opening = self._loop.create_task(self._opened(root, in_memory=in_memory))
            self._runtimes[root] = opening
            opening.add_done_callback(lambda done: self._forget_failed(root, done))
        return await asyncio.shield(opening)

    async def _opened(self, root: Path, *, in_memory: bool) -> Runtime:
        # In a thread: a state that another process has locked is waited for, and others share this loop.
        runtime = await asyncio.to_thread(_open, root, in_memory=in_memory)
        runtime.runs.subscribe(lambda view: self._tell(root, view))
        return runtime

    def _forget_failed(self, root: Path, opening: asyncio.Task[Runtime]) -> None:
        """The next call tries again: a locked or read-only folder may have become usable."""
        if opening.cancelled() or opening.exception() is not None:
            del self._runtimes[root]

    def _tell(self, root: Path, view: RunView) -> None:
        for listener in list(self._listeners.values()):
            try:
                listener(root, view)
            except Exception:
                logger.exception("A bug while showing a run.")

    async def close(self) -> None:
        """Closes every runtime and ends the thread."""
        if self._is_closed:
            return
        self._is_closed = True

        async def closed(root: Path, opening: asyncio.Task[Runtime]) -> None:
            # Also one that is just being opened: what it has begun would go on in its thread.
            await asyncio.wait({opening})
            if opening.cancelled() or opening.exception() is not None:
                return
            try:
                await opening.result().close()
            except Exception:
                logger.exception("A bug while closing the runtime of %s.", root)

        async def all_closed() -> None:
            # Together: one whose state is locked must not take the time that the others need to end.
            await asyncio.gather(*(closed(*each) for each in self._runtimes.items()))
            # Whoever still waits for work must hear of its end before this loop is gone.
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

        try:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(all_closed(), self._loop))
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)


def _open(root: Path, *, in_memory: bool) -> Runtime:
    from mplp_lsp.workspace.scan import project_files

    runtime: Runtime = import_one("mplp_runtime.runtime").Runtime.open(
        root, in_memory=in_memory, list_files=lambda folder: project_files(folder).files
    )
    return runtime
