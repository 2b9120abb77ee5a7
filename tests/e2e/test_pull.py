"""Diagnostics as they are pulled: by document, by workspace, in parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.e2e.documents import CONTEXT_ID, codes, context, grave, plan, project, replacing, text, written
from tests.protocol.client import PULLING, Client, ServerUnderTest, environment


def pulled(client: Client, uri: str, previous: str | None = None) -> dict[str, Any]:
    params: dict[str, Any] = {"textDocument": {"uri": uri}}
    if previous is not None:
        params["previousResultId"] = previous
    answer: dict[str, Any] = client.request("textDocument/diagnostic", params)
    return answer


def pulling_server(tmp_path: Path) -> ServerUnderTest:
    return ServerUnderTest(env=environment(tmp_path / "home"), capabilities=PULLING)


def test_the_newest_text_is_answered_and_unchanged_findings_are_not_sent_again(tmp_path: Path) -> None:
    with pulling_server(tmp_path) as server:
        client = server.client
        folder = tmp_path / "work"
        plan_uri, context_uri = project(folder)
        client.initialize(folder)
        client.open(context_uri, text(context()))
        content = text(plan())
        client.open(plan_uri, content)
        client.change(plan_uri, 2, replacing(content, '"draft"', '"drat"'))
        first = pulled(client, plan_uri)
        assert first["kind"] == "full"
        assert len([one for one in first["items"] if one["severity"] <= 2]) == 1
        again = pulled(client, plan_uri, first["resultId"])
        assert again == {"kind": "unchanged", "resultId": first["resultId"]}
        client.change(plan_uri, 3, replacing(content.replace('"draft"', '"drat"'), '"drat"', '"draft"'))
        repaired = pulled(client, plan_uri, first["resultId"])
        assert repaired["kind"] == "full"
        assert not grave(repaired["items"])


def test_a_foreign_or_unknown_document_has_no_findings(tmp_path: Path) -> None:
    with pulling_server(tmp_path) as server:
        client = server.client
        client.initialize(tmp_path)
        client.open("file:///tmp/foreign.json", "{,}")
        assert pulled(client, "file:///tmp/foreign.json") == {"kind": "full", "items": []}
        assert pulled(client, "file:///nowhere.plan.json") == {"kind": "full", "items": []}
        assert client.error_of("textDocument/diagnostic", {"textDocument": {}}) == -32602


def test_the_client_is_asked_to_pull_again_when_another_file_is_the_reason(tmp_path: Path) -> None:
    with pulling_server(tmp_path) as server:
        client = server.client
        folder = tmp_path / "work"
        plan_uri, context_uri = project(folder)
        client.initialize(folder)
        content = text(context())
        client.open(context_uri, content)
        client.open(plan_uri, text(plan()))
        client.wait(lambda: not grave(pulled(client, plan_uri)["items"]), "a clean plan")
        before = len(client.requests)
        client.change(context_uri, 2, replacing(content, CONTEXT_ID, CONTEXT_ID.replace("2", "4")))
        client.wait(lambda: len(client.requests) > before, "a refresh")
        assert client.requests[-1]["method"] == "workspace/diagnostic/refresh"
        assert any("context" in code for code in codes(pulled(client, plan_uri)["items"]))


def test_the_whole_workspace_can_be_pulled_and_pulled_again(tmp_path: Path) -> None:
    with pulling_server(tmp_path) as server:
        client = server.client
        folder = tmp_path / "work"
        plan_uri, context_uri = project(folder)
        bad_uri = written(folder, "bad.plan.json", {"plan_id": 5})
        client.initialize(folder)

        def workspace(previous: list[dict[str, str]], **more: Any) -> dict[str, dict[str, Any]]:
            answer = client.request("workspace/diagnostic", {"previousResultIds": previous, **more})
            return {item["uri"]: item for item in answer["items"]}

        client.wait(lambda: len(workspace([])) == 3, "all documents in the answer")
        found = workspace([])
        assert set(found) == {plan_uri, context_uri, bad_uri}
        assert found[bad_uri]["items"]
        assert not grave(found[plan_uri]["items"])
        known = [{"uri": uri, "value": item["resultId"]} for uri, item in found.items()]
        again = workspace(known)
        assert {item["kind"] for item in again.values()} == {"unchanged"}
        (folder / "bad.plan.json").unlink()
        client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": bad_uri, "type": 3}]})
        client.wait(lambda: workspace(known)[bad_uri]["kind"] == "full", "the deleted file cleared")
        assert workspace(known)[bad_uri]["items"] == []


def test_a_workspace_pull_comes_in_parts_where_a_token_asks_for_it(tmp_path: Path) -> None:
    with pulling_server(tmp_path) as server:
        client = server.client
        folder = tmp_path / "work"
        for number in range(60):
            written(folder, f"p{number}.plan.json", {"plan_id": number})
        client.initialize(folder)
        client.tokens.add("part")

        def parts() -> list[dict[str, Any]]:
            client.notifications.clear()
            params = {"previousResultIds": [], "partialResultToken": "part"}
            assert client.request("workspace/diagnostic", params) == {"items": []}
            return [
                note["params"]["value"]["items"]
                for note in client.notifications
                if note["method"] == "$/progress"
            ]

        client.wait(lambda: sum(map(len, parts())) == 60, "all documents")
        assert len(parts()) > 1
