"""One connection: its client, its documents, its projects; gone without a trace when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, cast

from mplp_lsp.server.capabilities import Client, at, client_of
from mplp_lsp.server.greeting import initialize_result
from mplp_lsp.server.life import parent_gone
from mplp_lsp.server.outbox import Outbox
from mplp_lsp.server.protocol import SessionProtocol, connection_server
from mplp_lsp.server.routes import BY_METHOD
from mplp_lsp.version import VERSION

if TYPE_CHECKING:
    from mplp_lsp.server.desk import Desk
    from mplp_lsp.server.process import ServerProcess

SHUTDOWN_LIMIT_S = 4.0

logger = logging.getLogger(__name__)

_numbers = itertools.count(1)


class Session:
    """The endpoint behind one SessionProtocol."""

    def __init__(self, process: ServerProcess) -> None:
        self._initialize_params: Mapping[str, Any] = {}
        self.process = process
        self.number = next(_numbers)
        self.pygls_server = connection_server(VERSION)
        self.protocol = cast("SessionProtocol", self.pygls_server.protocol)
        self.protocol.endpoint = self
        self.client = Client()
        self.ended_with: asyncio.Future[int] = process.loop.create_future()
        self._desk: Desk | None = None
        self._stop_reading: Callable[[], None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def attach(self, outbox: Outbox, stop_reading: Callable[[], None]) -> None:
        """Joins the session to its transport."""
        self.protocol.outbox = outbox
        self._stop_reading = stop_reading

    def spawn(self, work: Coroutine[Any, Any, Any], what: str) -> asyncio.Task[Any]:
        """Runs `work` in the background for as long as the session lives; a failure is logged once."""
        task = self.process.loop.create_task(work, name=what)
        self._tasks.add(task)
        task.add_done_callback(self._forget_task)
        return task

    def _forget_task(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("A bug in %s.", task.get_name(), exc_info=error)

    # What the protocol asks

    def answers(self, method: str) -> bool:
        if method in BY_METHOD or method == "workspace/executeCommand":
            return True
        return self.client.pulls_diagnostics and method in {"textDocument/diagnostic", "workspace/diagnostic"}

    def initialize(self, params: Mapping[str, Any]) -> object:
        self._begin(params)
        return initialize_result(self.client)

    def resume(self, params: Mapping[str, Any]) -> None:
        """Goes on after an `initialize` that has been answered already (`greeting.py`)."""
        self._begin(params)
        self.protocol.state = "running"

    def _begin(self, params: Mapping[str, Any]) -> None:
        self.client = client_of(params)
        self._initialize_params = params
        self.protocol.set_trace({"value": params.get("trace")})
        process_id = params.get("processId")
        if isinstance(process_id, int) and not isinstance(process_id, bool):
            self.spawn(self._watch_parent(process_id), "watching the client's process")

    @property
    def desk(self) -> Desk:
        """Documents, projects, diagnostics and runs; built at the first message after `initialize`.

        Building it imports the analysis, which must not delay the answer to `initialize`.
        """
        if self._desk is None:
            from mplp_lsp.server.desk import Desk

            self._desk = Desk(self, self._initialize_params)
        return self._desk

    def request(self, method: str, params: Any) -> object | Awaitable[object]:
        self.process.heard()
        if method == "workspace/textDocumentContent" and isinstance(uri := at(params, "uri"), str):
            self.desk.refresh.content_read(uri)
        return self.desk.request(method, params)

    def notification(self, method: str, params: Any) -> None:
        self.process.heard()
        self.desk.notification(method, params)

    def catch_up(self) -> None:
        if self._desk is not None:
            self._desk.catch_up()

    async def shutdown(self) -> None:
        async def finished() -> None:
            if self._desk is not None:
                await self._desk.close()
            if self.process.sessions <= {self} and self.process.has_runtimes:
                # Editors kill the server right after `exit`; what must end properly ends here (D26).
                await self.process.close()

        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(finished(), SHUTDOWN_LIMIT_S)

    # The end

    def input_ended(self) -> None:
        """The client closed its side."""
        self.close()

    def close(self) -> None:
        """Ends the session; the exit code is 0 only after `shutdown`."""
        self.protocol.end(0 if self.protocol.state == "shutdown" else 1)

    def ended(self, exit_code: int) -> None:
        for task in list(self._tasks):
            task.cancel()
        if self._desk is not None:
            self._desk.forget()
            self._desk = None
        if self._stop_reading is not None:
            self._stop_reading()
            self._stop_reading = None
        if self.protocol.outbox is not None:
            self.protocol.outbox.close()
            self.protocol.outbox = None
        self.process.forget(self)
        if not self.ended_with.done():
            self.ended_with.set_result(exit_code)

    async def _watch_parent(self, process_id: int) -> None:
        await parent_gone(process_id)
        logger.info("The client's process has gone.")
        self.close()
