"""Drift in the editor: what a run relied on is told where it changed, and only while that is so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.e2e.documents import codes, context, plan, text, written
from tests.e2e.test_runs import EDITOR
from tests.protocol.client import Client, ServerUnderTest, environment

LIMIT_S = 120.0
WRITER = (
    '[roles.worker]\naction = "file_operation"\noperation = "write"\ntarget = "out.txt"\ncontent = "new"\n'
)


def test_a_changed_document_and_a_changed_output_are_told_until_they_are_as_they_were(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    context_uri = written(folder, "a.context.json", context())
    written(folder, "mplp.toml", WRITER)
    value = plan(1, status="approved")
    value["steps"][0]["agent_role"] = "worker"
    uri = written(folder, "a.plan.json", value)
    with ServerUnderTest(env=environment(tmp_path / "home"), capabilities=EDITOR) as server:
        client = server.client
        client.initialize(folder, initializationOptions={"trusted": True, "runNotifications": True})
        client.open(uri, text(value))
        client.open(context_uri, text(context()))
        run = asked(client, "runPlan", uri=uri)
        ended = client.notification(
            "mplp/run", lambda run: run["status"] in {"completed", "failed"}, limit_s=LIMIT_S
        )
        assert ended["status"] == "completed", ended

        # What the run itself wrote is no drift, however it is looked at.
        changed(client, folder / "out.txt")
        asked(client, "checkDrift")
        client.take_all(0.3)
        assert "run-drift" not in codes(newest(client, uri))

        # Somebody else writes the file that the step wrote.
        (folder / "out.txt").write_text("mine")
        changed(client, folder / "out.txt")
        drift = told(client, uri, wanted=True)
        assert drift["message"].startswith("`out.txt`, which this step wrote in run 1 of")
        assert drift["severity"] == 3
        assert drift["range"]["start"]["line"] > 0
        (folder / "out.txt").write_text("new")
        changed(client, folder / "out.txt")
        told(client, uri, wanted=False)

        # The context changes in the editor and is saved.
        edited = {**context(), "title": "Another"}
        Path(context_uri.removeprefix("file://")).write_text(text(edited))
        client.change(context_uri, 2, {"text": text(edited)})
        client.notify("textDocument/didSave", {"textDocument": {"uri": context_uri}})
        drift = told(client, context_uri, wanted=True)
        assert drift["message"].startswith("`a.context.json` has changed since run 1 of")
        actions = client.request(
            "textDocument/codeAction",
            {"textDocument": {"uri": context_uri}, "range": drift["range"], "context": {"diagnostics": []}},
        )
        commands = [command_of(action) for action in actions]
        accept = next(each for each in commands if each["command"] == "mplp.reconcileDrift")
        assert accept["arguments"] == [{"run": run["run_id"], "path": "a.context.json"}]
        assert "mplp.restoreSnapshot" in [each["command"] for each in commands]
        assert client.request("workspace/executeCommand", accept, limit_s=LIMIT_S)["drift"] == []
        told(client, context_uri, wanted=False)


def asked(client: Client, name: str, **arguments: Any) -> Any:
    command = {"command": f"mplp.{name}", "arguments": [arguments]}
    return client.request("workspace/executeCommand", command, limit_s=LIMIT_S)


def command_of(action: dict[str, Any]) -> dict[str, Any]:
    inner = action.get("command")
    found: dict[str, Any] = inner if isinstance(inner, dict) else action
    return {"command": found.get("command"), "arguments": found.get("arguments")}


def changed(client: Client, path: Path) -> None:
    """The editor's watcher tells of a file."""
    change = {"uri": path.as_uri(), "type": 2}
    client.notify("workspace/didChangeWatchedFiles", {"changes": [change]})


def told(client: Client, uri: str, *, wanted: bool) -> dict[str, Any]:
    """The finding about drift once the newest findings have one, or {} once they have none."""
    client.wait_for_findings(uri, lambda found: ("run-drift" in codes(found)) == wanted, limit_s=LIMIT_S)
    return next((each for each in newest(client, uri) if each["code"] == "run-drift"), {})


def newest(client: Client, uri: str) -> list[dict[str, Any]]:
    found = [
        note["params"]["diagnostics"]
        for note in client.notifications
        if note["method"] == "textDocument/publishDiagnostics" and note["params"]["uri"] == uri
    ]
    return found[-1] if found else []
