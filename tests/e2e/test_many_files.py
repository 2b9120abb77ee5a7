"""Projects of many files: what is said while they are read, and when many of them change at once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.documents import codes, context, plan, text, written
from tests.protocol.client import PLAIN, Client, ServerUnderTest, environment

WATCHING: dict[str, Any] = {
    **PLAIN,
    "workspace": {
        "didChangeWatchedFiles": {"dynamicRegistration": True},
        "fileOperations": {"didRename": True},
    },
}
GENEROUS_S = 60.0
MANY = 40


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerUnderTest]:
    with ServerUnderTest(env=environment(tmp_path / "home"), capabilities=WATCHING) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def an_id(number: int, digit: str) -> str:
    return f"{digit * 8}-{digit * 4}-4{digit * 3}-8{digit * 3}-{number:012d}"


def write_pairs(folder: Path, *, context_digit: str) -> list[str]:
    """Plans that name contexts whose ids begin with 2, and contexts; the URIs of the plans."""
    plans: list[str] = []
    for number in range(MANY):
        own = context(context_id=an_id(number, context_digit), title=f"Context {number}")
        written(folder, f"part-{number % 4}/{number}.context.json", own)
        of_it = plan(1, plan_id=an_id(number, "1"), context_id=an_id(number, "2"), title=f"Plan {number}")
        plans.append(written(folder, f"part-{number % 4}/{number}.plan.json", of_it))
    return plans


def published(client: Client, uri: str) -> list[set[str]]:
    """The codes of each report about a document, in the order they came."""
    return [
        codes(note["params"]["diagnostics"])
        for note in client.notifications
        if note["method"] == "textDocument/publishDiagnostics" and note["params"]["uri"] == uri
    ]


def wait_for_all(client: Client, uris: list[str], code: str, *, is_there: bool) -> None:
    """Until the newest report about each of the documents has this finding, or none has."""
    client.wait(
        lambda: all((code in (published(client, uri) or [set()])[-1]) == is_there for uri in uris),
        f"{code} {'at' if is_there else 'gone from'} all",
        limit_s=GENEROUS_S,
    )


def test_a_branch_that_changes_many_documents_at_once_is_told_at_all_that_depend_on_them(
    server: ServerUnderTest, folder: Path
) -> None:
    client = server.client
    plans = write_pairs(folder, context_digit="2")
    client.initialize(folder)
    first = folder / "part-0" / "0.plan.json"
    client.open(plans[0], first.read_text())
    wait_for_all(client, plans[:1], "plan-context-unknown", is_there=False)
    for digit, is_lost in (("3", True), ("2", False)):
        write_pairs(folder, context_digit=digit)
        changes = [{"uri": path.as_uri(), "type": 2} for path in sorted(folder.glob("*/*.json"))]
        client.notify("workspace/didChangeWatchedFiles", {"changes": changes})
        wait_for_all(client, plans, "plan-context-unknown", is_there=is_lost)


def test_a_folder_of_many_documents_that_is_deleted_is_cleared_and_missed_elsewhere(
    server: ServerUnderTest, folder: Path
) -> None:
    client = server.client
    plans = write_pairs(folder / "old", context_digit="3")
    elsewhere = written(folder, "new/own.plan.json", plan(1, context_id=an_id(7, "3")))
    client.initialize(folder)
    client.open(elsewhere, (folder / "new" / "own.plan.json").read_text())
    wait_for_all(client, plans, "plan-context-unknown", is_there=True)
    wait_for_all(client, [elsewhere], "plan-context-unknown", is_there=False)
    shutil.rmtree(folder / "old")
    client.notify(
        "workspace/didChangeWatchedFiles", {"changes": [{"uri": (folder / "old").as_uri(), "type": 3}]}
    )
    wait_for_all(client, plans, "plan-context-unknown", is_there=False)
    wait_for_all(client, [elsewhere], "plan-context-unknown", is_there=True)


def test_documents_of_a_folder_that_is_renamed_are_told_under_their_new_names(
    server: ServerUnderTest, folder: Path
) -> None:
    client = server.client
    plans = write_pairs(folder / "old", context_digit="3")
    client.initialize(folder)
    wait_for_all(client, plans, "plan-context-unknown", is_there=True)
    (folder / "old").rename(folder / "new")
    pair = {"oldUri": (folder / "old").as_uri(), "newUri": (folder / "new").as_uri()}
    client.notify("workspace/didRenameFiles", {"files": [pair]})
    moved = [uri.replace("/old/", "/new/") for uri in plans]
    wait_for_all(client, moved, "plan-context-unknown", is_there=True)
    wait_for_all(client, plans, "plan-context-unknown", is_there=False)


def test_a_document_that_only_its_content_tells_of_is_never_called_missing(
    server: ServerUnderTest, folder: Path
) -> None:
    client = server.client
    for number in range(300):
        written(folder, f"data/{number:03}.json", {"id": number, "name": "thing", "steps": [1]})
    written(folder, "zoo/last.json", context())
    uri = written(folder, "a.plan.json", plan())
    written(folder, "b.plan.json", plan())
    client.initialize(folder)
    client.open(uri, text(plan()))
    wait_for_all(client, [uri], "document-id-duplicate", is_there=True)
    # Who depends on a document hears of it when all is known; by then the context has been found.
    (folder / "zoo" / "last.json").unlink()
    client.notify(
        "workspace/didChangeWatchedFiles",
        {"changes": [{"uri": (folder / "zoo" / "last.json").as_uri(), "type": 3}]},
    )
    wait_for_all(client, [uri], "plan-context-unknown", is_there=True)
    told = published(client, uri)
    assert ["plan-context-unknown" in found for found in told] == [False] * (len(told) - 1) + [True]
    reported = {note["params"]["uri"] for note in client.notifications if "uri" in (note.get("params") or {})}
    assert not [one for one in reported if "/data/" in one]
