"""Diagnostics as they are pushed, by a real server process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.documents import (
    CONTEXT_ID,
    STEPS,
    codes,
    context,
    grave,
    plan,
    project,
    replacing,
    text,
    written,
)
from tests.protocol.client import PLAIN, Client, ServerUnderTest, environment

WATCHING: dict[str, Any] = {**PLAIN, "workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}}}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerUnderTest]:
    with ServerUnderTest(env=environment(tmp_path / "home"), capabilities=WATCHING) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def opened(client: Client, uri: str, content: str) -> list[dict[str, Any]]:
    client.open(uri, content)
    return client.diagnostics(uri, 1)


def test_a_sound_plan_opens_without_an_error_and_a_typo_shows_one(
    server: ServerUnderTest, folder: Path
) -> None:
    plan_uri, _ = project(folder)
    client = server.client
    client.initialize(folder)
    content = text(plan())
    client.open(plan_uri, content)
    client.wait_for_findings(plan_uri, lambda found: not grave(found))
    client.change(plan_uri, 2, replacing(content, '"draft"', '"drat"'))
    found = [one for one in client.diagnostics(plan_uri, 2) if one["severity"] <= 2]
    assert len(found) == 1
    assert "draft" in found[0]["message"]
    client.change(plan_uri, 3, replacing(content.replace('"draft"', '"drat"'), '"drat"', '"draft"'))
    assert not grave(client.diagnostics(plan_uri, 3))


def test_a_broken_text_still_gets_its_findings(server: ServerUnderTest, folder: Path) -> None:
    client = server.client
    client.initialize(folder)
    uri = (folder / "a.plan.json").as_uri()
    content = text(plan()).replace('"status": "draft",', '"status": "draft"')
    assert any(code.startswith("json-") for code in codes(opened(client, uri, content)))


def test_a_change_in_one_file_shows_in_the_files_that_depend_on_it(
    server: ServerUnderTest, folder: Path
) -> None:
    plan_uri, context_uri = project(folder)
    client = server.client
    client.initialize(folder)
    client.open(plan_uri, text(plan()))
    client.wait_for_findings(plan_uri, lambda found: not grave(found))
    content = text(context())
    client.open(context_uri, content)
    client.diagnostics(context_uri, 1)
    other = CONTEXT_ID.replace("2", "4")
    client.change(context_uri, 2, replacing(content, CONTEXT_ID, other))
    client.diagnostics(context_uri, 2)
    client.wait_for_findings(plan_uri, lambda found: any("context" in code for code in codes(found)))
    client.change(context_uri, 3, replacing(content.replace(CONTEXT_ID, other), other, CONTEXT_ID))
    client.wait_for_findings(plan_uri, lambda found: not any("context" in code for code in codes(found)))


def test_a_closed_file_keeps_the_findings_it_has_on_disk(server: ServerUnderTest, folder: Path) -> None:
    uri, _ = project(folder)
    client = server.client
    client.initialize(folder)
    content = text(plan(status="nonsense"))
    assert grave(opened(client, uri, content))
    client.close(uri)
    client.wait_for_findings(uri, lambda found: not grave(found))


def test_a_document_that_is_opened_again_at_once_gets_its_findings_again(
    server: ServerUnderTest, folder: Path
) -> None:
    client = server.client
    client.initialize(folder)
    content = text(plan(status="nonsense"))
    uris = [written(folder, name, content) for name in ("a.plan.json", "b.plan.json")]
    for uri in uris:
        assert grave(opened(client, uri, content))
    client.take_all()
    client.notifications.clear()
    for uri in uris:
        client.close(uri)
    for uri in uris:
        client.open(uri, content)
    for uri in uris:
        assert grave(client.diagnostics(uri, 1))


def test_a_closed_file_that_is_foreign_is_cleared(server: ServerUnderTest, folder: Path) -> None:
    client = server.client
    client.initialize(folder)
    uri = (folder / "unsaved.plan.json").as_uri()
    assert opened(client, uri, "{")
    client.close(uri)
    client.wait_for_findings(uri, lambda found: found == [])


def test_a_deleted_file_is_cleared(server: ServerUnderTest, folder: Path) -> None:
    uri = written(folder, "bad.plan.json", {"plan_id": 5})
    client = server.client
    client.initialize(folder)
    client.wait_for_findings(uri, bool)
    (folder / "bad.plan.json").unlink()
    client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": uri, "type": 3}]})
    client.wait_for_findings(uri, lambda found: found == [])


def test_a_renamed_file_is_cleared_under_its_old_name(tmp_path: Path, folder: Path) -> None:
    operations = {"workspace": {**WATCHING["workspace"], "fileOperations": {"didRename": True}}}
    with ServerUnderTest(env=environment(tmp_path / "home"), capabilities={**PLAIN, **operations}) as server:
        uri = written(folder, "bad.plan.json", {"plan_id": 5})
        client = server.client
        capabilities = client.initialize(folder)["capabilities"]
        assert set(capabilities["workspace"]["fileOperations"]) == {"didRename"}
        client.wait_for_findings(uri, bool)
        (folder / "bad.plan.json").rename(folder / "good.plan.json")
        new = (folder / "good.plan.json").as_uri()
        client.notify("workspace/didRenameFiles", {"files": [{"oldUri": uri, "newUri": new}]})
        client.wait_for_findings(uri, lambda found: found == [])
        client.wait_for_findings(new, bool)


def test_a_folder_that_leaves_the_workspace_takes_its_findings_along(
    server: ServerUnderTest, folder: Path
) -> None:
    (folder / "other").mkdir()
    uri = written(folder / "other", "bad.plan.json", {"plan_id": 5})
    client = server.client
    client.initialize(folder / "other")
    client.wait_for_findings(uri, bool)
    event = {"added": [], "removed": [{"uri": (folder / "other").as_uri(), "name": "other"}]}
    client.notify("workspace/didChangeWorkspaceFolders", {"event": event})
    client.wait_for_findings(uri, lambda found: found == [])


def test_files_that_are_not_ours_get_nothing(server: ServerUnderTest, folder: Path) -> None:
    written(folder, "package.json", {"name": "x", "version": "nonsense"})
    written(folder, "tsconfig.json", '{"a": 1,,,}')
    client = server.client
    client.initialize(folder)
    client.open((folder / "tsconfig.json").as_uri(), '{"a": 1,,,}')
    client.open("untitled:Untitled-1", '{"a": 1,,,}', language="plaintext")
    assert client.error_of("no/such") == -32601
    client.take_all()
    published = [
        note["params"] for note in client.notifications if note["method"] == "textDocument/publishDiagnostics"
    ]
    assert [params for params in published if params["diagnostics"]] == []


def test_nothing_is_published_twice_and_versions_never_go_back(server: ServerUnderTest, folder: Path) -> None:
    uri, _ = project(folder)
    client = server.client
    client.initialize(folder)
    content = text(plan())
    client.open(uri, content)
    for version in range(2, 40):
        old, new = ('"draft"', '"drat"') if version % 2 == 0 else ('"drat"', '"draft"')
        client.change(uri, version, replacing(content, old, new))
        content = content.replace(old, new)
    client.notification(
        "textDocument/publishDiagnostics", lambda params: params["uri"] == uri and params.get("version") == 39
    )
    client.take_all()
    told = [
        note["params"] for note in client.notifications if note["method"] == "textDocument/publishDiagnostics"
    ]
    ours = [params for params in told if params["uri"] == uri]
    versions = [params["version"] for params in ours]
    assert versions == sorted(versions)
    seen = [json.dumps(params, sort_keys=True) for params in ours]
    assert all(one != other for one, other in pairwise(seen))


def test_a_change_of_an_unknown_or_older_version_is_ignored(server: ServerUnderTest, folder: Path) -> None:
    """P13."""
    client = server.client
    client.initialize(folder)
    uri = (folder / "a.plan.json").as_uri()
    client.change(uri, 5, {"text": "{}"})
    opened(client, uri, "{")
    client.change(uri, 1, {"text": "{}"})
    client.change(uri, 0, {"text": "{}"})
    client.change(uri, 2, {"text": "[]"})
    assert client.diagnostics(uri, 2)
    assert client.notifications == [] or all(
        note["method"] != "window/showMessage" for note in client.notifications
    )


def test_cycles_name_every_edge(tmp_path: Path, folder: Path) -> None:
    with ServerUnderTest(env=environment(tmp_path / "home")) as server:
        client = server.client
        client.initialize(folder)
        value = plan()
        value["steps"][0]["dependencies"] = [STEPS[1]]
        uri = (folder / "a.plan.json").as_uri()
        found = [one for one in opened(client, uri, text(value)) if "cycle" in one["code"]]
        assert len(found) == 1
        assert len(found[0]["relatedInformation"]) >= 1


def test_settings_that_come_later_count(server: ServerUnderTest, folder: Path) -> None:
    client = server.client
    client.initialize(folder)
    uri = (folder / "thing.json").as_uri()
    client.open(uri, '{"a": 1}')
    client.notify(
        "workspace/didChangeConfiguration",
        {"settings": {"mplp": {"files": {"associations": {"thing.json": "plan"}}}}},
    )
    client.wait_for_findings(uri, bool)
    client.notify("workspace/didChangeConfiguration", {"settings": {"mplp": {"files": {"associations": {}}}}})
    client.wait_for_findings(uri, lambda found: found == [])


def test_own_findings_do_not_wait_for_a_project_that_takes_long_to_read(
    server: ServerUnderTest, folder: Path
) -> None:
    """And meanwhile nothing is called unknown."""
    plan_uri, _ = project(folder)
    for number in range(400):
        # Each is opened and read, and none is ours.
        written(folder, f"aa/{number}.json", {"plan_id": number, "filler": ["x" * 1000] * 300})
    client = server.client
    client.initialize(folder)
    client.open(plan_uri, text(plan()).replace('"draft"', '"drat"'))
    first = client.diagnostics(plan_uri, 1)
    assert codes(first) >= {"value-not-allowed"}
    client.take_all(1.0)
    told = [first] + [
        note["params"]["diagnostics"]
        for note in client.notifications
        if note["method"] == "textDocument/publishDiagnostics" and note["params"]["uri"] == plan_uri
    ]
    assert not any("context" in code for found in told for code in codes(found))


def test_a_context_that_is_missing_is_told_when_all_is_read(server: ServerUnderTest, folder: Path) -> None:
    plan_uri = written(folder, "a.plan.json", plan(status="approved"))
    client = server.client
    client.initialize(folder)
    client.open(plan_uri, text(plan(status="approved")))
    client.wait_for_findings(plan_uri, lambda found: any("context" in code for code in codes(found)))
