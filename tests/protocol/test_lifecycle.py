"""LSP's life cycle, over raw JSON-RPC (P4-P6, E9, E11, E12)."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.protocol.client import PLAIN, PULLING, ServerUnderTest, environment, server_command

ENCODINGS = [
    pytest.param(None, "utf-16", id="silent client"),
    pytest.param([], "utf-16", id="empty offer"),
    pytest.param(["utf-8", "utf-16"], "utf-16", id="UTF-16 among others"),
    pytest.param(["utf-8"], "utf-8", id="UTF-8 only"),
    pytest.param(["utf-32", "utf-8"], "utf-32", id="first known choice"),
    pytest.param(["utf-7", "utf-8"], "utf-8", id="unknown ones are skipped"),
]


@pytest.mark.parametrize(("offered", "chosen"), ENCODINGS)
def test_the_position_encoding_is_utf_16_whenever_offered(offered: list[str] | None, chosen: str) -> None:
    general: dict[str, Any] = {} if offered is None else {"general": {"positionEncodings": offered}}
    with ServerUnderTest(capabilities={**PLAIN, **general}) as server:
        assert server.client.initialize()["capabilities"]["positionEncoding"] == chosen


def test_pull_is_announced_only_to_a_client_that_pulls() -> None:
    with ServerUnderTest(capabilities=PULLING) as server:
        offered = server.client.initialize()["capabilities"]["diagnosticProvider"]
        assert offered["interFileDependencies"] is True
        assert offered["workspaceDiagnostics"] is True
    with ServerUnderTest(capabilities=PLAIN) as server:
        assert "diagnosticProvider" not in server.client.initialize()["capabilities"]
        assert (
            server.client.error_of("textDocument/diagnostic", {"textDocument": {"uri": "file:///x.json"}})
            == -32601
        )


def test_a_request_before_initialize_is_refused_and_a_notification_dropped() -> None:
    with ServerUnderTest() as server:
        assert server.client.error_of("workspace/executeCommand", {"command": "mplp.runPlan"}) == -32002
        assert server.client.error_of("shutdown") == -32002
        server.client.open("file:///a.plan.json", "{")
        server.client.initialize()
        server.client.take_all()
        assert server.client.notifications == []


def test_initialize_may_be_sent_only_once() -> None:
    with ServerUnderTest() as server:
        server.client.initialize()
        assert server.client.error_of("initialize", {"processId": None, "capabilities": {}}) == -32600


@pytest.mark.parametrize("params", [None, [], {}, "x", {"capabilities": []}])
def test_initialize_with_unusable_params_may_be_repeated(params: Any) -> None:
    with ServerUnderTest() as server:
        assert server.client.error_of("initialize", params) == -32602
        server.client.initialize()


@pytest.mark.parametrize(
    "odd",
    [
        {"processId": "x"},
        {"workspaceFolders": 5},
        {"initializationOptions": []},
        {"trace": 9},
        {"rootUri": 7},
    ],
)
def test_odd_members_of_initialize_do_not_cost_the_user_the_server(odd: dict[str, Any]) -> None:
    with ServerUnderTest() as server:
        server.client.initialize(**odd)
        assert server.client.error_of("no/such") == -32601


def test_after_shutdown_requests_are_refused_and_exit_ends_with_0() -> None:
    with ServerUnderTest() as server:
        server.client.initialize()
        server.client.request("shutdown")
        assert server.client.error_of("shutdown") == -32600
        assert server.client.error_of("no/such") == -32600
        server.client.notify("exit")
        assert server.exit_code() == 0


def test_exit_without_shutdown_ends_with_1() -> None:
    """P5."""
    with ServerUnderTest() as server:
        server.client.initialize()
        server.client.notify("exit")
        assert server.exit_code() == 1


def test_exit_before_initialize_ends_with_1() -> None:
    with ServerUnderTest() as server:
        server.client.notify("exit")
        assert server.exit_code() == 1


@pytest.mark.parametrize("is_polite", [True, False])
def test_the_end_of_input_ends_the_process(is_polite: bool) -> None:
    with ServerUnderTest() as server:
        server.client.initialize()
        if is_polite:
            server.client.request("shutdown")
        assert server.process.stdin is not None
        server.process.stdin.close()
        assert server.exit_code(5) == (0 if is_polite else 1)


def test_sigterm_ends_the_process() -> None:
    with ServerUnderTest() as server:
        server.client.initialize()
        server.client.error_of("no/such")
        server.process.send_signal(signal.SIGTERM)
        assert server.exit_code(5) == 1


@pytest.mark.parametrize("by", ["initialize", "argument"])
def test_the_server_leaves_when_the_client_process_has_gone(by: str) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        arguments = ("--stdio", f"--clientProcessId={other.pid}") if by == "argument" else ("--stdio",)
        with ServerUnderTest(*arguments) as server:
            server.client.initialize(processId=other.pid if by == "initialize" else None)
            server.client.error_of("no/such")
            other.kill()
            started = time.monotonic()
            assert server.exit_code(6) == 1
            assert time.monotonic() - started < 5.5


def test_unknown_notifications_and_settings_are_taken_quietly() -> None:
    with ServerUnderTest() as server:
        client = server.client
        client.initialize()
        for method in (
            "$/unheardOf",
            "unheard/of",
            "$/setTrace",
            "$/cancelRequest",
            "textDocument/didOpen",
            "textDocument/didChange",
        ):
            for params in (None, {}, [], {"value": "loud"}, {"id": 77}, {"textDocument": 5}):
                client.notify(method, params)
        assert client.error_of("$/unheardOf", {}) == -32601
        client.take_all(0.2)
        assert client.notifications == []


def test_tracing_is_off_until_it_is_asked_for() -> None:
    with ServerUnderTest() as server:
        client = server.client
        client.initialize()
        client.error_of("no/such")
        client.notify("$/setTrace", {"value": "verbose"})
        client.notify("workspace/didChangeConfiguration", {"settings": {}})
        traced = client.notification("$/logTrace")
        assert "workspace/didChangeConfiguration" in traced["message"]
        assert "ms" in traced["verbose"]
        client.notify("$/setTrace", {"value": "off"})
        client.take_all(0.1)


def test_standard_output_carries_messages_only(tmp_path: Any) -> None:
    noisy = tmp_path / "sitecustomize.py"
    noisy.write_text(
        "import os, threading\n"
        "threading.Timer(0.8, lambda: (print('stray'), os.write(1, b'stray\\n'))).start()\n"
    )
    with ServerUnderTest(env=environment(PYTHONPATH=str(tmp_path))) as server:
        server.client.initialize()
        deadline = time.monotonic() + 10
        while server.log.count("stray") < 2:
            assert time.monotonic() < deadline, server.log
            server.client.error_of("no/such")
        server.client.error_of("no/such")


def test_a_session_may_come_from_a_file_and_go_to_a_file(tmp_path: Any) -> None:
    """Standard streams that the event loop cannot drive."""
    from mplp_lsp.server.framing import framed

    script = tmp_path / "in"
    script.write_bytes(
        framed(
            b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"processId":null,"capabilities":{}}}'
        )
        + framed(b'{"jsonrpc":"2.0","id":2,"method":"shutdown"}')
        + framed(b'{"jsonrpc":"2.0","method":"exit"}')
    )
    out = tmp_path / "out"
    with script.open("rb") as incoming, out.open("wb") as outgoing:
        done = subprocess.run(
            server_command("--stdio"),
            stdin=incoming,
            stdout=outgoing,
            stderr=subprocess.PIPE,
            timeout=20,
            env=environment(),
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert out.read_bytes().count(b"Content-Length") == 2


@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_a_closed_standard_stream_is_one_sentence(closed: str) -> None:
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *server_command("--stdio")]
    done = subprocess.run(
        shell, env=environment(), input="", capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("mplp-lsp: Standard input and output are closed")
    assert done.stderr.count("\n") == 1
