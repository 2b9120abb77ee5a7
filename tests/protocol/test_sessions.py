"""One process, several connections (P10-P12), and clients that listen themselves."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import socket
import subprocess
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mplp_lsp.server.process import ServerProcess
from tests.protocol.client import Client, ServerUnderTest, Wire, environment, server_command
from tests.protocol.in_process import Editor


def wired(connection: socket.socket) -> Client:
    return Client(Wire(connection.recv, connection.sendall))


class Listener:
    """A server on a loopback port of its own choice."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            server_command("--listen", "127.0.0.1:0"),
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
        )
        assert self.process.stderr is not None
        found = re.search(rb"listening on 127.0.0.1:(\d+)", self.process.stderr.readline())
        assert found is not None
        self.port = int(found.group(1))

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            yield wired(connection)


@contextlib.contextmanager
def listening() -> Iterator[Listener]:
    listener = Listener()
    try:
        yield listener
    finally:
        listener.process.terminate()
        _, log = listener.process.communicate(timeout=20)
        assert b"Traceback" not in log, log.decode()


def test_exit_of_one_client_leaves_the_other_working() -> None:
    """P10, P11."""
    with listening() as listener, listener.client() as one, listener.client() as other:
        one.initialize()
        other.initialize()
        assert one.error_of("only/for/one") == -32601
        one.request("shutdown")
        one.notify("exit")
        one.take_all(1.0)
        assert one.has_ended
        assert other.error_of("no/such") == -32601
        other.request("shutdown")
        for client in (one, other):
            client.check()


def test_a_client_that_vanishes_leaves_the_other_working() -> None:
    with listening() as listener, listener.client() as one:
        with listener.client() as other:
            other.initialize()
            other.wire.send_bytes(b"Content-Length: 999\r\n\r\n{")
        one.initialize()
        assert one.error_of("no/such") == -32601
        one.check()


def test_sigterm_ends_a_listening_server_with_its_sessions() -> None:
    with listening() as listener, listener.client() as client:
        client.initialize()
        listener.process.terminate()
        client.take_all(5)
        assert client.has_ended
        listener.process.wait(5)


@pytest.mark.parametrize("address", ["0.0.0.0:0", "example.org:80", "127.0.0.1", "127.0.0.1:99999"])
def test_only_this_machine_is_served(address: str) -> None:
    done = subprocess.run(
        server_command("--listen", address), capture_output=True, timeout=20, env=environment(), check=False
    )
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("how", ["pipe", "port"])
def test_a_client_may_listen_and_be_called(how: str, tmp_path: Path) -> None:
    family = socket.AF_UNIX if how == "pipe" else socket.AF_INET
    with socket.socket(family) as listener:
        if how == "pipe":
            listener.bind(str(tmp_path / "lsp.sock"))
            argument = f"--pipe={tmp_path / 'lsp.sock'}"
        else:
            listener.bind(("127.0.0.1", 0))
            argument = f"--port={listener.getsockname()[1]}"
        listener.listen()
        listener.settimeout(20)
        with subprocess.Popen(server_command(argument), stderr=subprocess.PIPE, env=environment()) as process:
            connection, _ = listener.accept()
            with connection:
                client = wired(connection)
                client.initialize()
                assert client.error_of("no/such") == -32601
                client.request("shutdown")
                client.notify("exit")
                assert process.wait(10) == 0
            assert process.stderr is not None
            assert b"Traceback" not in process.stderr.read()


def test_nobody_listening_is_said_in_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        server_command(f"--pipe={tmp_path / 'nobody'}"),
        capture_output=True,
        timeout=20,
        env=environment(),
        check=False,
    )
    assert done.returncode != 0
    assert b"No client listens on" in done.stderr
    assert b"Traceback" not in done.stderr


async def test_a_session_that_has_ended_is_freed(tmp_path: Path) -> None:
    """P12: pygls' caches keep every protocol object for ever."""
    process = ServerProcess()
    references: list[weakref.ref[Any]] = []
    for _ in range(3):
        editor = Editor(process, tmp_path)
        editor.open("a.plan.json", "{")
        assert b"capabilities" in editor.sink.data
        session = editor.session
        references += [weakref.ref(session), weakref.ref(session.protocol), weakref.ref(session.desk)]
        editor.send("exit")
        assert editor.sink.closed
        del session, editor
    deadline = time.monotonic() + 10
    while any(reference() is not None for reference in references):
        assert time.monotonic() < deadline, [reference() for reference in references]
        await asyncio.sleep(0.01)
        gc.collect()
    assert not process.sessions
    await process.close()


def test_a_client_that_does_not_read_gets_every_answer_in_the_end() -> None:
    """E10."""
    with ServerUnderTest() as server:
        client = server.client
        client.initialize()
        ids = [client.begin("no/such") for _ in range(2_000)]
        for number in ids:
            assert client.answer(number)["error"]["code"] == -32601
