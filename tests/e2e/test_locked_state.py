"""An editor at work while another process keeps the state of its project locked."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from mplp_runtime.vsl.sqlite import SqliteStore
from tests.e2e.test_runs import begun, command, project, running_server, wait_for_text, wait_until_gone


def test_the_editor_is_answered_while_the_state_of_its_project_is_locked(tmp_path: Path) -> None:
    uri = project(tmp_path / "work", "print('worked')")
    state = tmp_path / "work" / ".mplp" / "state.db"
    state.parent.mkdir()
    SqliteStore(state).close()
    with closing(sqlite3.connect(state, isolation_level=None)) as other, running_server(tmp_path) as server:
        other.execute("BEGIN IMMEDIATE")
        client = server.client
        begun(client, tmp_path / "work", uri)
        run = client.begin(
            "workspace/executeCommand", {"command": "mplp.runPlan", "arguments": [{"uri": uri}]}
        )
        line = next(
            number
            for number, text in enumerate((tmp_path / "work" / "a.plan.json").read_text().splitlines())
            if '"objective"' in text
        )
        place = {"textDocument": {"uri": uri}, "position": {"line": line, "character": 5}}
        assert client.request("textDocument/hover", place)
        assert client.request("textDocument/documentSymbol", {"textDocument": {"uri": uri}})
        assert run not in client.answers
        other.execute("ROLLBACK")
        assert client.answer(run)["result"]["status"] in {"pending", "running"}


def test_leaving_the_editor_ends_the_processes_of_a_run_whose_state_is_locked(tmp_path: Path) -> None:
    """D26, also where a change of a file waits for the same lock."""
    pid_file = tmp_path / "pid"
    folder = tmp_path / "work"
    uri = project(
        folder, f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    )
    with running_server(tmp_path) as server:
        begun(server.client, folder, uri)
        command(server.client, "runPlan", uri=uri)
        wait_for_text(pid_file)
        with closing(sqlite3.connect(folder / ".mplp" / "state.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            (folder / "notes.md").write_text("news")
            changed = {"uri": (folder / "notes.md").as_uri(), "type": 1}
            server.client.notify("workspace/didChangeWatchedFiles", {"changes": [changed]})
            # Editors kill the server right after the answer to this.
            server.client.request("shutdown")
            wait_until_gone(int(pid_file.read_text()))
            other.execute("ROLLBACK")
            server.client.notify("exit")
            assert server.process.wait(30) == 0
