"""A step done by a tool of an MCP server, over standard input and output."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mplp_runtime.ael.action import Action, Outcome
from mplp_runtime.ael.mcp_servers import McpServer, McpServers, ServerEnded, mcp_problem
from mplp_runtime.ael.tool_events import ToolInvocation, invoked
from mplp_runtime.errors import MplpError
from mplp_runtime.settings.placeholders import filled_value

if TYPE_CHECKING:
    from mcp import ClientSession


class ToolUnknown(MplpError):
    """An MCP server does not have the tool that mplp.toml names."""


async def mcp_tool(action: Action, servers: McpServers) -> Outcome:
    """Calls the binding's `tool` with its `arguments`; what the tool returned is the output.

    Structured content is returned as it is, else the texts. A tool that reports an error, a server that
    ends, and a time-out are failures. After a time-out or a cancellation the server is ended: nobody could
    tell what a call that was given up still does. Raises ServerEnded, ToolUnknown, CommandNotStarted.
    """
    if (problem := mcp_problem()) is not None:
        raise ServerEnded(problem)
    tool = str(action.settings.get("tool") or "")
    kind = str(action.settings.get("tool_kind") or "other")
    return await invoked(ToolInvocation(action, tool, kind), _called(action, servers, tool))


async def _called(action: Action, servers: McpServers, tool: str) -> Outcome:
    # The package takes a second of processor time to import: not on the loop that others wait on.
    await asyncio.to_thread(__import__, "mcp")
    limit = asyncio.timeout(action.limits.timeout_s)
    try:
        async with servers.server(action) as server, limit:
            return await _answered(action, server, tool)
    except TimeoutError:
        if not limit.expired():
            raise
        return Outcome(False, error=action.out_of_time(), timed_out=True)


async def _answered(action: Action, server: McpServer, tool: str) -> Outcome:
    session = await server.session()
    if action.on_process is not None and server.identity is not None:
        await action.on_process(server.identity)
    call = asyncio.ensure_future(_call(action, session, tool))
    over = asyncio.ensure_future(server.until_over())
    try:
        await asyncio.wait({call, over}, return_when=asyncio.FIRST_COMPLETED)
        if call.done() and (problem := call.exception()) is None:
            return call.result()
        if call.done() and (isinstance(problem, MplpError) or not server.is_broken):
            return Outcome(False, error=_failure(tool, problem), tail=server.tail)
    finally:
        for task in (call, over):
            task.cancel()
        await asyncio.wait({call, over})
    raise server.ended(f"ended while its tool `{tool}` was at work")


def _failure(tool: str, problem: BaseException | None) -> str:
    return str(problem) if isinstance(problem, MplpError) else f"The tool `{tool}` failed: {problem}"


async def _call(action: Action, session: ClientSession, tool: str) -> Outcome:
    from mcp_types import TextContent

    schema = await _input_schema(session, tool)
    arguments = _arguments(action, schema)

    async def show(progress: float, total: float | None, message: str | None) -> None:
        action.show(f"{message or ''} ({progress:g}{f' of {total:g}' if total else ''})\n".lstrip())

    result = await session.call_tool(tool, arguments, progress_callback=show)
    texts = [block.text for block in result.content if isinstance(block, TextContent)]
    text = "\n".join(texts)
    action.show(text)
    if result.is_error:
        return Outcome(False, error=text or f"The tool `{tool}` reported an error.", tail=text)
    structured = result.structured_content
    if structured is not None:
        return Outcome(True, output=structured, tail=text)
    if len(texts) < len(result.content):
        blocks = [block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in result.content]
        return Outcome(True, output=blocks, tail=text)
    return Outcome(True, output=text, tail=text)


async def _input_schema(session: ClientSession, tool: str) -> Mapping[str, Any]:
    from mcp_types import PaginatedRequestParams

    names: list[str] = []
    cursor: str | None = None
    while True:
        listed = await session.list_tools(params=PaginatedRequestParams(cursor=cursor) if cursor else None)
        for each in listed.tools:
            if each.name == tool:
                return each.input_schema
            names.append(each.name)
        cursor = listed.next_cursor
        if not cursor:
            break
    known = ", ".join(sorted(names)) or "none"
    raise ToolUnknown(f"The MCP server has no tool `{tool}`. It has: {known}.")


def _arguments(action: Action, schema: Mapping[str, Any]) -> dict[str, Any]:
    """What mplp.toml says; else the members of the step that the tool has arguments of the same name for."""
    given = action.settings.get("arguments")
    if given is not None:
        filled: dict[str, Any] = filled_value(given, action.step, action.plan, action.inputs)
        return filled
    properties = schema.get("properties") or {}
    offered = {**action.step, "step": dict(action.step), "inputs": dict(action.inputs)}
    return {name: value for name, value in offered.items() if name in properties}
