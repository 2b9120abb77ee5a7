"""An editor at work while another process keeps the state of its project locked."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from mplp_runtime.vsl.sqlite import SqliteStore
from tests.e2e.test_runs import begun, project, running_server


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
