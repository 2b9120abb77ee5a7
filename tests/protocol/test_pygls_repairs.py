"""P1 to P14: the fourteen places where pygls is not enough, and the test that shows each of them repaired.

One row per defect; the test below fails when a row names a test that is gone. Those that fit in a few lines
of raw JSON-RPC stand here, the others where their subject is.
"""

from __future__ import annotations

import importlib
import subprocess
from pathlib import Path

import pytest

from tests.e2e.documents import plan, text
from tests.protocol.client import PLAIN, ServerUnderTest, environment, server_command

HERE = "tests.protocol.test_pygls_repairs"
REPAIRS = {
    "P1 lines end at three line ends only": (
        "tests.e2e.test_text",
        "test_a_line_separator_inside_a_string_is_no_line",
    ),
    "P2 a position behind the end of a line is the end": (
        HERE,
        "test_p2_an_edit_behind_the_end_of_a_line_lands_at_its_end",
    ),
    "P3 cancelling a command stops it": (
        "tests.protocol.test_cancel",
        "test_a_cancelled_command_stops_and_is_answered_once",
    ),
    "P4 shutdown while a command runs": (
        "tests.protocol.test_cancel",
        "test_shutdown_cancels_what_runs_and_is_answered_last",
    ),
    "P5 exit without shutdown is code 1": (
        "tests.protocol.test_lifecycle",
        "test_exit_without_shutdown_ends_with_1",
    ),
    "P6 before initialize and after shutdown": (
        "tests.protocol.test_lifecycle",
        "test_after_shutdown_requests_are_refused_and_exit_ends_with_0",
    ),
    "P7 every request is answered": (
        "tests.protocol.test_params",
        "test_params_that_do_not_fit_are_refused_with_their_id",
    ),
    "P8 a nested jsonrpc member is data": (
        "tests.protocol.test_framing",
        "test_a_nested_object_that_looks_like_a_message_is_only_data",
    ),
    "P9 no work where input is read": (
        "tests.e2e.test_large",
        "test_the_loop_is_never_held_up_by_large_documents",
    ),
    "P10 one session per connection": (
        "tests.protocol.test_sessions",
        "test_exit_of_one_client_leaves_the_other_working",
    ),
    "P11 exit ends one session": (
        "tests.protocol.test_sessions",
        "test_exit_of_one_client_leaves_the_other_working",
    ),
    "P12 a session is freed": (
        "tests.protocol.test_sessions",
        "test_a_session_that_has_ended_is_freed",
    ),
    "P13 unknown documents and old versions": (
        "tests.e2e.test_push",
        "test_a_change_of_an_unknown_or_older_version_is_ignored",
    ),
    "P14 progress tokens are forgotten": (
        "tests.protocol.test_progress",
        "test_nothing_is_sent_before_the_client_has_accepted_the_token",
    ),
}


@pytest.mark.parametrize("defect", REPAIRS)
def test_each_defect_has_its_test(defect: str) -> None:
    module, name = REPAIRS[defect]
    assert callable(getattr(importlib.import_module(module), name))


def test_the_table_is_complete() -> None:
    assert [defect.split()[0] for defect in REPAIRS] == [f"P{number}" for number in range(1, 15)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_p2_an_edit_behind_the_end_of_a_line_lands_at_its_end(encoding: str, tmp_path: Path) -> None:
    capabilities = {**PLAIN, "general": {"positionEncodings": [encoding]}}
    env = environment(tmp_path / "home", MPLP_LSP_DEBUG="1")
    with ServerUnderTest(env=env, capabilities=capabilities) as server:
        client = server.client
        client.initialize(tmp_path)
        uri = (tmp_path / "notes.txt").as_uri()
        client.open(uri, "one\r\na\U0001f642c")
        for version, line in ((2, 0), (3, 1), (4, 7)):
            place = {"line": line, "character": 99}
            client.change(uri, version, {"range": {"start": place, "end": place}, "text": str(version)})
        held = client.request(
            "workspace/executeCommand", {"command": "mplp.debug.text", "arguments": [{"uri": uri}]}
        )
        assert held == "one2\r\na\U0001f642c34"


def test_standard_input_that_is_empty_ends_the_server_without_a_word() -> None:
    ended = subprocess.run(
        server_command("--stdio"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        env=environment(),
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, b"", b"")


def test_the_end_of_input_inside_a_message_ends_the_server_without_a_traceback() -> None:
    ended = subprocess.run(
        server_command("--stdio"),
        input=b'Content-Length: 100\r\n\r\n{"jsonrpc": "2.0", "id": 1, "meth',
        capture_output=True,
        timeout=30,
        env=environment(),
        check=False,
    )
    assert ended.returncode == 1
    assert b"Traceback" not in ended.stderr


def test_the_debug_log_tells_how_long_each_answer_took(tmp_path: Path) -> None:
    env = environment(tmp_path / "home", MPLP_LSP_LOG="DEBUG")
    with ServerUnderTest(env=env, capabilities={**PLAIN}) as server:
        client = server.client
        client.initialize(tmp_path)
        uri = (tmp_path / "a.plan.json").as_uri()
        client.open(uri, text(plan()))
        client.request("textDocument/codeLens", {"textDocument": {"uri": uri}})
    assert "Answered request 'textDocument/codeLens" in server.log
    assert "It took" in server.log
    assert "To be tested" not in server.log, "a document's text is in the log"
