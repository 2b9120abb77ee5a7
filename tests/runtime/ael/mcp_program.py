"""An MCP server made with the official package, run as a process of its own; some tools misbehave."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("test")
calls = iter(range(1, 1000))


@server.tool(structured_output=False)
def greet(description: str, agent_role: str = "nobody") -> str:
    """Says hello; its arguments are called like members of a step."""
    return f"hello {agent_role}: {description}"


@server.tool()
def count() -> dict[str, Any]:
    """Structured: which call this is, and who answers."""
    return {"calls": next(calls), "pid": os.getpid()}


@server.tool(structured_output=False)
def fail() -> str:
    raise ToolError("the disk is full")


@server.tool(structured_output=False)
def die() -> str:
    os.write(2, b"starting\nout of memory\n")
    os._exit(3)


@server.tool(structured_output=False)
async def sleep() -> str:
    child = [sys.executable, "-c", "import time; time.sleep(600)"]
    subprocess.Popen(  # noqa: ASYNC220 - a child that shall stay behind
        child, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    await asyncio.sleep(600)
    return "awake"


@server.tool(structured_output=False)
async def grow() -> str:
    code = "import signal; taken = b'x' * (100 * 1024 * 1024); signal.pause()"
    for _ in range(6):
        subprocess.Popen(  # noqa: ASYNC220 - children that stay for as long as the server
            [sys.executable, "-c", code], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
    await asyncio.sleep(600)
    return "grown"


@server.tool(structured_output=False)
async def work(context: Context) -> str:  # type: ignore[type-arg]
    await context.report_progress(1, 2, "half")
    return "done"


@server.tool(structured_output=False)
def environment() -> str:
    return ",".join(sorted(os.environ))


if __name__ == "__main__":
    server.run("stdio")
