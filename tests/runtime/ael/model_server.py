"""A real HTTP server on loopback that speaks the chat completions protocol, and its faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Answer = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Exchange:
    """One request and the way to answer it."""

    headers: dict[str, str]
    body: dict[str, Any]
    writer: asyncio.StreamWriter
    closed: asyncio.Event

    async def head(self, status: int, **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} Whatever", "connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.write("\r\n".join([*lines, "", ""]))

    async def write(self, text: str) -> None:
        self.writer.write(text.encode())
        await self.writer.drain()

    async def event(self, value: object) -> None:
        await self.write(f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n")

    async def piece(self, content: str | None, *, reason: str | None = None) -> None:
        delta = {} if content is None else {"content": content}
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        await self.event(chunk([choice]))


def chunk(choices: list[Any], **members: object) -> dict[str, Any]:
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": choices,
        **members,
    }


@dataclass
class ModelServer:
    """Answers one request after the other as it was told; the last answer stands for all that follow."""

    base_url: str
    exchanges: list[Exchange] = field(default_factory=list)


@asynccontextmanager
async def model_server(*answers: Answer) -> AsyncIterator[ModelServer]:
    tasks: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(ConnectionError, asyncio.CancelledError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = dict(
                line.lower().split(": ", 1) if "authorization" not in line.lower() else _kept(line)
                for line in head.split("\r\n")[1:]
                if line
            )
            body = json.loads(await reader.readexactly(int(headers["content-length"])))
            exchange = Exchange(headers, body, writer, asyncio.Event())
            server.exchanges.append(exchange)
            gone = asyncio.create_task(_until_closed(reader, exchange.closed))
            tasks.add(gone)
            await answers[min(len(server.exchanges), len(answers)) - 1](exchange)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    server = ModelServer(f"http://127.0.0.1:{port}/v1")
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listening.wait_closed()


def _kept(line: str) -> list[str]:
    name, value = line.split(": ", 1)
    return [name.lower(), value]


async def _until_closed(reader: asyncio.StreamReader, closed: asyncio.Event) -> None:
    with suppress(ConnectionError):
        while await reader.read(1024):
            pass
    closed.set()


def says(*pieces: str, prompt_tokens: int = 7, completion_tokens: int = 5) -> Answer:
    """A sound answer, in pieces."""

    async def answer(exchange: Exchange) -> None:
        await exchange.head(200, content_type="text/event-stream")
        for piece in pieces:
            await exchange.piece(piece)
        await exchange.piece(None, reason="stop")
        total = prompt_tokens + completion_tokens
        usage = {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": total,
        }
        await exchange.event(chunk([], usage=usage))
        await exchange.event("[DONE]")

    return answer


def asks_for_tool(name: str, *pieces: str) -> Answer:
    """Says something, perhaps, and then wants a tool that nobody offered."""

    async def answer(exchange: Exchange) -> None:
        await exchange.head(200, content_type="text/event-stream")
        for piece in pieces:
            await exchange.piece(piece)
        function = {"name": name, "arguments": "{}"}
        delta = {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": function}]}
        await exchange.event(chunk([{"index": 0, "delta": delta, "finish_reason": "tool_calls"}]))
        await exchange.event("[DONE]")

    return answer


def refuses(status: int, message: str = "no", **headers: str) -> Answer:
    async def answer(exchange: Exchange) -> None:
        body = json.dumps({"error": {"message": message, "type": "x", "code": None, "param": None}})
        await exchange.head(status, content_type="application/json", content_length=str(len(body)), **headers)
        await exchange.write(body)

    return answer


def breaks_off(*pieces: str) -> Answer:
    """Says something, then the connection is lost in the middle of a chunk."""

    async def answer(exchange: Exchange) -> None:
        await exchange.head(200, content_type="text/event-stream", transfer_encoding="chunked")
        for piece in pieces:
            choice = {"index": 0, "delta": {"content": piece}, "finish_reason": None}
            text = f"data: {json.dumps(chunk([choice]))}\n\n"
            await exchange.write(f"{len(text.encode()):x}\r\n{text}\r\n")
        await exchange.write("ff\r\ndata: {")

    return answer


def hangs(*pieces: str) -> Answer:
    """Says something, then nothing more until the other side goes away."""

    async def answer(exchange: Exchange) -> None:
        await exchange.head(200, content_type="text/event-stream")
        for piece in pieces:
            await exchange.piece(piece)
        await exchange.closed.wait()

    return answer


def sends(text: str, content_type: str = "text/event-stream", status: int = 200) -> Answer:
    async def answer(exchange: Exchange) -> None:
        await exchange.head(status, content_type=content_type, content_length=str(len(text)))
        await exchange.write(text)

    return answer


def contents(exchange: Exchange) -> Sequence[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in exchange.body["messages"]]
