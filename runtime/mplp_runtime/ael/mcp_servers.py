"""MCP servers that the steps of a run share: started when first needed, ended with the run."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mplp_runtime.ael.action import Action, ProcessIdentity
from mplp_runtime.ael.process import LimitedProcess, OutputCapture, child_environment, start_process
from mplp_runtime.ael.tool_call import own_variables
from mplp_runtime.errors import MplpError

if TYPE_CHECKING:
    from mcp import ClientSession

EXTRA_MISSING = (
    "Tools of an MCP server need the official client: install it with `pip install 'mplp-lsp[mcp]'`."
)
_MARK = "MPLP_MCP_SERVER"
"""Variable by which what a server started is found: the attempt's own would find other servers as well."""
_CLOSE_GRACE_S = 1.0
_LONGEST_MESSAGE_BYTES = 32 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_LAST_WORDS = 200


class ServerEnded(MplpError):
    """An MCP server could not be talked to: it did not start, did not speak the protocol, or ended."""


def mcp_problem() -> str | None:
    """Why no MCP server could be used, None where they can; asked before a run starts."""
    return None if find_spec("mcp") is not None else EXTRA_MISSING


class McpServer:
    """One server process and the session with it.

    A task of its own holds the session, because the client's task groups must be left where they were
    entered, while steps come and go.
    """

    def __init__(self, action: Action, command: Sequence[str]) -> None:
        self._action = action
        self._command = list(command)
        self._name = f"{action.run_id}/{secrets.token_hex(8)}"
        self._capture = OutputCapture(action.limits.output_kib * 1024, None)
        self._stop = asyncio.Event()
        self._ready: asyncio.Future[ClientSession] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._serve(), name=f"MCP server {self._command[0]}")
        self.identity: ProcessIdentity | None = None
        self._process: LimitedProcess | None = None
        self.users = 0
        self._is_silent = False

    @property
    def is_over(self) -> bool:
        return self._task.done()

    @property
    def is_broken(self) -> bool:
        """Whether the server says nothing more, though its end may not be settled yet."""
        return self._is_silent or self.is_over

    @property
    def tail(self) -> str:
        """The last lines of the server's standard error."""
        return self._capture.tail.text()

    def ended(self, how: str) -> ServerEnded:
        """The error that tells of its end, with its last words where it left any."""
        if self._process is not None and self._process.memory_problem is not None:
            return ServerEnded(
                f"The MCP server `{self._command[0]}` has ended. {self._process.memory_problem}"
            )
        last = self.tail.rstrip().rpartition("\n")[2][-_LAST_WORDS:]
        return ServerEnded(
            f"The MCP server `{self._command[0]}` {how}{f'; it said: {last}' if last else '.'}"
        )

    async def session(self) -> ClientSession:
        """The session, once the server has said hello. Raises ServerEnded, CommandNotStarted and kin."""
        return await asyncio.shield(self._ready)

    async def until_over(self) -> None:
        """Returns when the server has ended or its session broke."""
        await asyncio.wait({self._task})

    async def close(self) -> None:
        """Ends the session, then the process and all that came from it."""
        self._stop.set()
        await asyncio.wait({self._task})

    async def _serve(self) -> None:
        from mcp import ClientSession

        stop: asyncio.Future[object] = asyncio.ensure_future(self._stop.wait())
        try:
            async with self._connected() as (streams, broken), ClientSession(*streams) as session:
                hello: asyncio.Future[object] = asyncio.ensure_future(session.initialize())
                await asyncio.wait({hello, broken, stop}, return_when=asyncio.FIRST_COMPLETED)
                if hello.done() and not (hello.exception() and self._is_silent):
                    hello.result()
                    self._ready.set_result(session)
                    await asyncio.wait({stop, broken}, return_when=asyncio.FIRST_COMPLETED)
                else:
                    hello.cancel()
                    self._fail(self.ended("ended before it said hello"))
        except MplpError as problem:
            self._fail(problem)
        except Exception as problem:
            self._fail(self.ended(f"cannot be used: {_plain(problem)}"))
        finally:
            stop.cancel()

    def _fail(self, problem: MplpError) -> None:
        if not self._ready.done():
            self._ready.set_exception(problem)
            # It may be that nobody waits for it any more.
            self._ready.exception()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[tuple[Any, Any], asyncio.Future[object]]]:
        # Not the client's own stdio transport: it gives the server variables that `env_allow` does not name,
        # starts it without limits, and does not tell its process id, which a crash of ours needs recorded.
        import anyio

        action = self._action
        process = await start_process(
            self._command,
            root=action.root,
            cwd=action.root,
            env=child_environment(action.limits.env_allow, {**own_variables(action), _MARK: self._name}),
            limits=action.limits,
            mark=f"{_MARK}={self._name}",
        )
        self._process, self.identity = process, process.identity
        incoming, read_stream = anyio.create_memory_object_stream[Any](0)
        write_stream, outgoing = anyio.create_memory_object_stream[Any](0)
        reading: asyncio.Future[object] = asyncio.ensure_future(self._read(process, incoming))
        writing = asyncio.ensure_future(_write(process, outgoing))
        errors = asyncio.ensure_future(self._capture.read(process.stderr, wanted=False))
        work = asyncio.gather(reading, errors)
        try:
            yield (read_stream, write_stream), reading
        finally:
            await process.close_input()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.has_exited(), _CLOSE_GRACE_S)
            for stream in (read_stream, write_stream, incoming, outgoing):
                stream.close()
            writing.cancel()
            await process.end(work)
            await asyncio.wait({writing})

    async def _read(self, process: LimitedProcess, incoming: Any) -> None:
        import anyio
        from mcp.shared.message import SessionMessage
        from mcp_types import jsonrpc_message_adapter

        pending = b""
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            async with incoming:
                while process.stdout is not None and (chunk := await process.stdout.read(_CHUNK_BYTES)):
                    *lines, pending = (pending + chunk).split(b"\n")
                    for line in filter(None, map(bytes.strip, lines)):
                        try:
                            message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                        except ValueError:
                            # Servers print where they should not; people may want to see it.
                            self._capture.show(line.decode("utf-8", "replace") + "\n")
                        else:
                            await incoming.send(SessionMessage(message))
                    if len(pending) > _LONGEST_MESSAGE_BYTES:
                        break
                self._is_silent = True
        self._is_silent = True
        # The session is gone: what still comes is read away, so that the server can end.
        while process.stdout is not None and await process.stdout.read(_CHUNK_BYTES):
            pass


class McpServers:
    """The servers of each run, by command and limits: steps that mean the same server share it."""

    def __init__(self) -> None:
        self._of_run: dict[str, dict[str, McpServer]] = {}
        self._retired: dict[str, set[McpServer]] = {}

    @asynccontextmanager
    async def server(self, action: Action) -> AsyncIterator[McpServer]:
        """The server of this step's binding; a new one where there is none, or the old one has ended.

        One that was left with an exception or a time-out serves nobody new, and is ended once nobody uses it:
        what a call that was given up still does in there is not known.
        """
        command = [str(each) for each in action.settings["server"]]
        key = json.dumps([command, action.limits.model_dump(mode="json")])
        servers = self._of_run.setdefault(action.run_id, {})
        found = servers.get(key)
        if found is None or found.is_over:
            found = servers[key] = McpServer(action, command)
        found.users += 1
        try:
            yield found
        except BaseException:
            if servers.get(key) is found:
                del servers[key]
            self._retired.setdefault(action.run_id, set()).add(found)
            raise
        finally:
            found.users -= 1
            if not found.users and found in self._retired.get(action.run_id, ()):
                self._retired[action.run_id].discard(found)
                await asyncio.shield(found.close())

    async def close(self, run_id: str) -> None:
        """Ends all servers of a run."""
        servers = {*self._of_run.pop(run_id, {}).values(), *self._retired.pop(run_id, ())}
        await asyncio.gather(*(server.close() for server in servers))


async def _write(process: LimitedProcess, outgoing: Any) -> None:
    async with outgoing:
        async for message in outgoing:
            line = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            await process.write(line.encode() + b"\n")


def _plain(problem: BaseException) -> str:
    while isinstance(problem, BaseExceptionGroup) and problem.exceptions:
        problem = problem.exceptions[0]
    return (str(problem) or type(problem).__name__).rstrip(".")
