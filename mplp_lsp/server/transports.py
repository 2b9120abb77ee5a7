"""How a client reaches us: stdio, a pipe or socket on which it listens, or a loopback address on which we do.

Every connection gets a Session of its own, whatever the transport (P10).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import logging
import os
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from mplp_lsp.server.connection import Inlet
from mplp_lsp.server.garbage import collect_only_young_objects, collect_when_quiet
from mplp_lsp.server.greeting import Greeting, greeted
from mplp_lsp.server.imports import import_protocol
from mplp_lsp.server.large_blocks import give_large_blocks_back
from mplp_lsp.server.life import on_stop_signals, parent_gone
from mplp_lsp.server.outbox import Outbox
from mplp_lsp.server.streams import claimed_standard_streams, read_from, write_to
from mplp_runtime.errors import MplpError

if TYPE_CHECKING:
    from mplp_lsp.server.process import ServerProcess
    from mplp_lsp.server.session import Session

CLOSE_LIMIT_S = 4.0

logger = logging.getLogger(__name__)


def serve(
    *,
    pipe: str | None = None,
    port: int | None = None,
    listen: str | None = None,
    client_process_id: int | None = None,
) -> int:
    """Serves until the client has gone; the exit code LSP asks for (0 only after `shutdown`).

    Without `pipe`, `port` or `listen`: on standard input and output. `pipe`, `port`: the client listens, we
    connect. `listen` ("HOST:PORT", loopback only): many clients, until the process is told to end.
    Raises MplpError where the address cannot be used.
    """
    from mplp_lsp.server.logs import log_to_standard_error

    log_to_standard_error()
    if listen is not None:
        host, number = loopback_address(listen)
        return _run(lambda process: _listen(process, host, number), client_process_id)
    if pipe is not None:
        return _run(lambda process: _connect(process, pipe=pipe), client_process_id)
    if port is not None:
        return _run(lambda process: _connect(process, port=port), client_process_id)
    incoming, outgoing = claimed_standard_streams()
    greeting = greeted(incoming, outgoing, client_process_id)
    _import_everything()
    code = _run(lambda process: _stdio(process, incoming, outgoing, greeting), client_process_id)
    sys.stderr.flush()
    # A worker thread or a slow import must not keep the process alive after its session has ended.
    os._exit(code)


def loopback_address(address: str) -> tuple[str, int]:
    """Host and port of "HOST:PORT". Raises MplpError unless the host is this machine only."""
    host, _, digits = address.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not digits.isdigit() or int(digits) > 65535:
        raise MplpError(f"--listen needs HOST:PORT, not {address!r}.")
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise MplpError(f"--listen serves this machine only; {host} is not a loopback address.")
    return host, int(digits)


def _import_everything() -> None:
    """What the first document needs; nobody waits for an answer now.

    What was imported lives for ever, so the collector need not walk over it again (24 ms each time). Nothing
    of a session may be there yet: what is frozen is never freed.
    """
    import_protocol()
    gc.disable()
    import mplp_lsp.features.diagnostics
    import mplp_lsp.server.desk
    import mplp_lsp.server.session  # noqa: F401

    gc.freeze()
    gc.enable()


Serving = Callable[["ServerProcess"], Coroutine[Any, Any, int]]


def _run(serving: Serving, client_process_id: int | None) -> int:
    import_protocol()
    # Our own modules make no garbage; collecting meanwhile only costs time.
    gc.disable()
    # A worker that computes must not keep the loop from a keystroke for the usual 5 ms, several times over.
    sys.setswitchinterval(0.0005)
    give_large_blocks_back()
    from mplp_lsp.server.process import ServerProcess

    async def main() -> int:
        process = ServerProcess()
        serve_task = asyncio.ensure_future(serving(process))
        on_stop_signals(process.stop)
        watches: list[asyncio.Future[Any]] = [asyncio.ensure_future(process.stopped.wait())]
        if client_process_id is not None:
            watches.append(asyncio.ensure_future(parent_gone(client_process_id)))
        gc.enable()
        collect_only_young_objects()
        collecting = asyncio.ensure_future(collect_when_quiet(process.quiet_for_s))
        try:
            await asyncio.wait([serve_task, *watches], return_when=asyncio.FIRST_COMPLETED)
            code = serve_task.result() if serve_task.done() else process.exit_code
            for session in list(process.sessions):
                session.close()
        finally:
            for task in (serve_task, collecting, *watches):
                task.cancel()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.close(), CLOSE_LIMIT_S)
        return code

    return asyncio.run(main())


async def _stdio(process: ServerProcess, incoming: BinaryIO, outgoing: BinaryIO, greeting: Greeting) -> int:
    session = process.session()
    inlet = Inlet(session.protocol.receive, session.input_ended, caught_up=session.catch_up)
    session.attach(Outbox(await write_to(outgoing)), inlet.close)
    if greeting.params is not None:
        session.resume(greeting.params)
    if greeting.unread:
        inlet.data_received(greeting.unread)
    if greeting.is_over:
        inlet.eof_received()
    else:
        await read_from(incoming, inlet)
    return await session.ended_with


def _accept(process: ServerProcess) -> tuple[Inlet, Session]:
    session = process.session()

    def connected(transport: asyncio.BaseTransport) -> None:
        session.attach(Outbox(cast("asyncio.WriteTransport", transport)), inlet.close)

    inlet = Inlet(session.protocol.receive, session.input_ended, connected, session.catch_up)
    return inlet, session


async def _connect(process: ServerProcess, *, pipe: str | None = None, port: int | None = None) -> int:
    loop = asyncio.get_running_loop()
    inlet, session = _accept(process)
    try:
        if pipe is not None:
            await loop.create_unix_connection(lambda: inlet, pipe)
        else:
            await loop.create_connection(lambda: inlet, "127.0.0.1", port or 0)
    except OSError as error:
        where = pipe if pipe is not None else f"127.0.0.1:{port}"
        raise MplpError(f"No client listens on {where} ({error.strerror or error}).") from error
    return await session.ended_with


async def _listen(process: ServerProcess, host: str, port: int) -> int:
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(lambda: _accept(process)[0], host, port)
    except OSError as error:
        raise MplpError(f"{host}:{port} cannot be used ({error.strerror or error}).") from error
    async with server:
        for socket in server.sockets:
            # A script that asked for port 0 reads the real one here.
            host, port = socket.getsockname()[:2]
            sys.stderr.write(f"listening on {host}:{port}\n")
            sys.stderr.flush()
        await process.stopped.wait()
    return 0
