"""Looking without changing anything, over stdio: hovers, hints after ids, graphs, traces, explanations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.e2e.documents import CONTEXT_ID, PLAN_ID, STEPS, context, plan, replacing, text, written
from tests.e2e.test_runs import command, run_with
from tests.e2e.test_runs import project as running_project
from tests.protocol.client import PLAIN, Client, ServerUnderTest, at, environment

EDITOR: dict[str, Any] = {
    "textDocument": {
        **PLAIN["textDocument"],
        "hover": {"contentFormat": ["markdown", "plaintext"]},
        "inlayHint": {"resolveSupport": {"properties": ["tooltip", "label.location"]}},
    },
    "window": {"showDocument": {"support": True}},
    "workspace": {
        "textDocumentContent": {},
        "applyEdit": True,
        "workspaceEdit": {"documentChanges": True},
        "inlayHint": {"refreshSupport": True},
    },
}
WITHOUT_VIRTUAL: dict[str, Any] = {
    "textDocument": {**PLAIN["textDocument"], "hover": {"contentFormat": ["plaintext"]}, "inlayHint": {}},
    "window": {"showDocument": {"support": True}},
}


def begun(folder: Path, server: ServerUnderTest, **changes: Any) -> tuple[Client, str, Any]:
    """A sound plan that is open, its URI, and the server's capabilities."""
    written(folder, "a.context.json", context())
    uri = written(folder, "a.plan.json", plan(3, **changes))
    server.client.replies["window/showDocument"] = lambda _: {"success": True}
    answer = server.client.initialize(
        folder, initializationOptions={"trusted": True, "runNotifications": True}
    )
    server.client.open(uri, text(plan(3, **changes)))
    server.client.diagnostics(uri)
    # A command waits until the project is read; a hover before that says what it knows.
    server.client.request("workspace/executeCommand", {"command": "mplp.serverStatus", "arguments": [{}]})
    return server.client, uri, answer["capabilities"]


def under_test(tmp_path: Path, capabilities: dict[str, Any] = EDITOR) -> ServerUnderTest:
    return ServerUnderTest(env=environment(tmp_path / "home"), capabilities=capabilities)


def position_after(content: str, before: str) -> dict[str, int]:
    head = content[: content.index(before) + len(before)]
    return {"line": head.count("\n"), "character": len(head) - head.rfind("\n") - 1}


def hover_at(client: Client, uri: str, content: str, before: str) -> Any:
    params = {"textDocument": {"uri": uri}, "position": position_after(content, before)}
    return client.request("textDocument/hover", params)


def test_a_hover_says_what_an_id_stands_for_in_the_form_the_client_reads(tmp_path: Path) -> None:
    for capabilities, kind, title in (
        (EDITOR, "markdown", "**A context** · context · `active`"),
        (WITHOUT_VIRTUAL, "plaintext", "A context · context · active"),
    ):
        with under_test(tmp_path, capabilities) as server:
            client, uri, announced = begun(tmp_path / kind, server)
            assert announced["hoverProvider"] is True
            found = hover_at(client, uri, text(plan(3)), '"context_id": "')
            assert found["contents"]["kind"] == kind
            assert found["contents"]["value"].splitlines()[0] == title
            start, end = found["range"]["start"], found["range"]["end"]
            line = text(plan(3)).splitlines()[start["line"]]
            assert line[start["character"] : end["character"]] == f'"{CONTEXT_ID}"'


def test_a_hover_in_broken_text_explains_the_fault(tmp_path: Path) -> None:
    with under_test(tmp_path) as server:
        client, uri, _ = begun(tmp_path / "work", server)
        broken = text(plan(3)).replace('"draft",', '"draft"')
        client.change(uri, 2, {"text": broken})
        found = hover_at(client, uri, broken, '"status": "draft"\n  "st')
        assert "**json-comma-missing** · error" in found["contents"]["value"]
        assert "How to fix" in found["contents"]["value"]


def test_hints_after_ids_are_resolved_one_by_one(tmp_path: Path) -> None:
    with under_test(tmp_path) as server:
        client, uri, announced = begun(tmp_path / "work", server)
        assert announced["inlayHintProvider"] == {"resolveProvider": True}
        everything = {"start": {"line": 0, "character": 0}, "end": {"line": 1000, "character": 0}}
        asked = {"textDocument": {"uri": uri}, "range": everything}
        hints = client.request("textDocument/inlayHint", asked)
        assert [hint["label"][0]["value"] for hint in hints] == ["A context", "Step 0", "Step 1"]
        assert "tooltip" not in hints[1]
        resolved = client.request("inlayHint/resolve", hints[1])
        assert resolved["tooltip"]["value"].startswith("**Step 0** · step 1 of 3 · `pending`")
        where = resolved["label"][0]["location"]
        assert where["uri"] == uri
        assert STEPS[0] in text(plan(3)).splitlines()[where["range"]["start"]["line"]]


def test_the_setting_turns_hints_after_ids_off_and_on(tmp_path: Path) -> None:
    with under_test(tmp_path) as server:
        client, uri, _ = begun(tmp_path / "work", server)
        everything = {"start": {"line": 0, "character": 0}, "end": {"line": 1000, "character": 0}}
        asked = {"textDocument": {"uri": uri}, "range": everything}
        for is_on, count in ((False, 0), (True, 3)):
            settings = {"settings": {"mplp": {"inlayHints": {"ids": is_on}}}}
            client.notify("workspace/didChangeConfiguration", settings)
            assert len(client.request("textDocument/inlayHint", asked)) == count
            client.wait(
                lambda: any(one["method"] == "workspace/inlayHint/refresh" for one in client.requests),
                "being told to ask again",
            )
            client.requests.clear()


def test_another_name_for_a_context_is_told_to_editors_that_show_it(tmp_path: Path) -> None:
    with under_test(tmp_path) as server:
        client, _, _ = begun(tmp_path / "work", server)
        client.open((tmp_path / "work" / "a.context.json").as_uri(), text(context()))
        client.take_all(0.5)
        client.requests.clear()
        content = text(context())
        client.change(
            (tmp_path / "work" / "a.context.json").as_uri(), 2, replacing(content, '"A context"', '"Another"')
        )
        client.wait(
            lambda: any(one["method"] == "workspace/inlayHint/refresh" for one in client.requests),
            "being told to ask again",
        )


def test_a_graph_is_a_virtual_document_that_follows_the_plan(tmp_path: Path) -> None:
    with under_test(tmp_path) as server:
        client, uri, announced = begun(tmp_path / "work", server)
        assert at(announced, "workspace.textDocumentContent.schemes") == ["mplp-graph", "mplp-trace"]
        answer = command(client, "showGraph", uri=uri)
        assert answer["shown"] is True
        (shown,) = [one["params"] for one in client.requests if one["method"] == "window/showDocument"]
        assert shown["uri"] == answer["uri"]
        content = client.request("workspace/textDocumentContent", {"uri": answer["uri"]})["text"]
        assert content == answer["text"]
        assert '  s1["Step 0<br/>pending"]:::pending' in content.splitlines()
        assert content.count("-->") == 2
        client.change(uri, 2, replacing(text(plan(3)), '"Step 0"', '"The first"'))

        def told() -> bool:
            found = [
                one for one in client.requests if one["method"] == "workspace/textDocumentContent/refresh"
            ]
            return [one["params"] for one in found] == [{"uri": answer["uri"]}]

        client.wait(told, "a refresh of the graph")
        fresh = client.request("workspace/textDocumentContent", {"uri": answer["uri"]})["text"]
        assert '  s1["The first<br/>pending"]:::pending' in fresh.splitlines()


def test_a_client_without_virtual_documents_gets_a_read_only_file(tmp_path: Path) -> None:
    with under_test(tmp_path, WITHOUT_VIRTUAL) as server:
        folder = tmp_path / "work"
        written(folder, "mplp.toml", "[run]\nmax_parallel = 1\n")
        client, uri, announced = begun(folder, server)
        assert at(announced, "workspace.textDocumentContent") is None
        answer = command(client, "showGraph", uri=uri, format="dot")
        path = folder / ".mplp" / "views" / "a.plan.dot"
        assert answer["uri"] == path.as_uri()
        assert path.read_text(encoding="utf-8") == answer["text"]
        assert not path.stat().st_mode & 0o222


def test_a_trace_is_a_document_that_follows_the_run(tmp_path: Path) -> None:
    with under_test(tmp_path) as server:
        client = server.client
        client.replies["window/showDocument"] = lambda _: {"success": True}
        uri = running_project(tmp_path / "work", "print('worked')", 2, person="human")
        client.initialize(
            tmp_path / "work", initializationOptions={"trusted": True, "runNotifications": True}
        )
        client.open(uri, Path(uri.removeprefix("file://")).read_text(encoding="utf-8"))
        run = command(client, "runPlan", uri=uri)["run_id"]
        client.notification("mplp/run", lambda view: bool(view["questions"]))
        answer = command(client, "showTrace", run=run, format="text")
        assert answer["uri"] == f"mplp-trace:/a.plan.mplp-trace?{run}"
        before = client.request("workspace/textDocumentContent", {"uri": answer["uri"]})["text"]
        assert before.splitlines()[0] == "A plan: run 1, running"
        assert any(line.startswith("            │ ? ") for line in before.splitlines())
        command(client, "answerHandoff", run=run, step=STEPS[0], success=True)
        run_with(client, "completed")

        def last_content() -> bool:
            refreshed = [
                one for one in client.requests if one["method"].endswith("textDocumentContent/refresh")
            ]
            if not refreshed:
                return False
            shown = client.request("workspace/textDocumentContent", {"uri": answer["uri"]})["text"]
            return "A plan: run 1, completed" in shown and "✓ Step 1" in shown

        client.wait(last_content, "the end of the run in the document")


def test_statuses_are_written_back_as_an_edit_of_this_version(tmp_path: Path) -> None:
    with under_test(tmp_path) as server:
        client = server.client
        client.replies["workspace/applyEdit"] = lambda _: {"applied": True}
        uri = running_project(tmp_path / "work", "pass", 2)
        client.initialize(
            tmp_path / "work", initializationOptions={"trusted": True, "runNotifications": True}
        )
        client.open(uri, Path(uri.removeprefix("file://")).read_text(encoding="utf-8"), version=7)
        run = command(client, "runPlan", uri=uri)["run_id"]
        run_with(client, "completed")
        answer = command(client, "writeBackStatus", run=run)
        assert (answer["changed"], answer["applied"]) == (3, True)
        (asked,) = [one["params"] for one in client.requests if one["method"] == "workspace/applyEdit"]
        (change,) = asked["edit"]["documentChanges"]
        assert change["textDocument"] == {"uri": uri, "version": 7}
        assert [edit["newText"] for edit in change["edits"]] == ['"completed"'] * 3


def test_a_finding_is_explained_and_the_workspace_counted(tmp_path: Path) -> None:
    with under_test(tmp_path) as server:
        client, uri, _ = begun(tmp_path / "work", server, status="drafft")
        written(tmp_path / "work", "b.confirm.json", "{")
        found = client.request("workspace/executeCommand", _explained(uri, "plan-cycle"))
        assert found["count"] == 0
        counted = command(client, "validateWorkspace")
        assert counted["errors"] >= 1
        assert uri in {one["uri"] for one in counted["files"]}
        assert json.dumps(counted)


def _explained(uri: str, code: str) -> dict[str, Any]:
    return {"command": "mplp.explain", "arguments": [{"uri": uri, "code": code}]}


def test_a_plan_id_knows_its_last_run(tmp_path: Path) -> None:
    with under_test(tmp_path) as server:
        client = server.client
        uri = running_project(tmp_path / "work", "pass", 1)
        client.initialize(
            tmp_path / "work", initializationOptions={"trusted": True, "runNotifications": True}
        )
        content = Path(uri.removeprefix("file://")).read_text(encoding="utf-8")
        client.open(uri, content)
        command(client, "runPlan", uri=uri)
        run_with(client, "completed")
        shown = hover_at(client, uri, content, f'"plan_id": "{PLAN_ID[:4]}')["contents"]["value"]
        assert "- Run 1: completed, 1 of 1 steps over, took " in shown
