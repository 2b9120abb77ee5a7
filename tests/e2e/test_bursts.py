"""More changes than can be looked at: the last text counts, and what is asked between them sees its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.documents import codes, plan, replacing, text
from tests.protocol.client import PLAIN, PULLING, Client, ServerUnderTest, environment

GENEROUS_S = 60.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerUnderTest]:
    with ServerUnderTest(env=environment(tmp_path / "home"), capabilities=PLAIN) as running:
        yield running


@pytest.fixture
def uri(tmp_path: Path) -> str:
    (tmp_path / "work").mkdir()
    return (tmp_path / "work" / "a.plan.json").as_uri()


def opened(server: ServerUnderTest, uri: str, tmp_path: Path, content: str, *, look: bool = True) -> Client:
    """The client, with a plan of this text open; where `look`, the project is read and its findings seen."""
    client = server.client
    client.initialize(tmp_path / "work")
    client.open(uri, content)
    if look:
        # The plan stands alone, and that its context is missing is told when all is known.
        client.wait_for_findings(uri, lambda found: "plan-context-unknown" in codes(found))
    return client


def change(uri: str, version: int, *changes: dict[str, Any]) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "method": "textDocument/didChange",
        "params": {"textDocument": {"uri": uri, "version": version}, "contentChanges": list(changes)},
    }


def lenses(uri: str, number: int) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "id": f"lenses-{number}",
        "method": "textDocument/codeLens",
        "params": {"textDocument": {"uri": uri}},
    }


def send_at_once(client: Client, messages: list[dict[str, Any]]) -> None:
    bodies = [json.dumps(message).encode() for message in messages]
    client.wire.send_bytes(b"".join(b"Content-Length: %d\r\n\r\n%b" % (len(body), body) for body in bodies))


def published(client: Client, uri: str) -> list[dict[str, Any]]:
    return [
        note["params"]
        for note in client.notifications
        if note["method"] == "textDocument/publishDiagnostics" and note["params"]["uri"] == uri
    ]


def lines(lenses: list[dict[str, Any]]) -> list[int]:
    return [lens["range"]["start"]["line"] for lens in lenses]


def typed(content: str, count: int) -> list[dict[str, Any]]:
    """One letter after the other at the end of the title."""
    place = replacing(content, '"A plan"', "")["range"]["end"]
    changes = []
    for number in range(count):
        here = {"line": place["line"], "character": place["character"] - 1 + number}
        changes.append({"range": {"start": here, "end": here}, "text": chr(ord("a") + number % 26)})
    return changes


def test_of_two_thousand_changes_at_once_few_are_published_and_the_last_one_last(
    server: ServerUnderTest, uri: str, tmp_path: Path
) -> None:
    content = text(plan(50))
    client = opened(server, uri, tmp_path, content)
    before = len(published(client, uri))
    letters = typed(content, 2_000)
    burst = [change(uri, number + 2, letter) for number, letter in enumerate(letters)]
    send_at_once(client, [*burst, change(uri, 2_002, replacing(content, '"draft"', '"drat"'))])
    client.wait(
        lambda: any(params.get("version") == 2_002 for params in published(client, uri)),
        "the findings of the last version",
        limit_s=GENEROUS_S,
    )
    # Whatever else was to come has come before this is answered.
    client.request("textDocument/codeLens", {"textDocument": {"uri": uri}})
    reports = published(client, uri)[before:]
    assert reports[-1]["version"] == 2_002
    assert "drat" in " ".join(finding["message"] for finding in reports[-1]["diagnostics"])
    versions = [params["version"] for params in reports if params.get("version") is not None]
    assert versions == sorted(set(versions))
    assert len(versions) < 400


def test_full_texts_that_come_at_once_leave_the_last_one(
    server: ServerUnderTest, uri: str, tmp_path: Path
) -> None:
    client = opened(server, uri, tmp_path, text(plan(2)))
    contents = [text(plan(2, title=f"Title {number}")) for number in range(300)]
    contents.append("{")
    send_at_once(
        client, [change(uri, number + 2, {"text": content}) for number, content in enumerate(contents)]
    )
    found = client.diagnostics(uri, 302, limit_s=GENEROUS_S)
    assert any(code.startswith("json-") for code in codes(found))
    assert len(published(client, uri)) < 200


def test_what_is_asked_between_changes_is_answered_for_the_text_of_that_moment(
    server: ServerUnderTest, uri: str, tmp_path: Path
) -> None:
    content = text(plan(2))
    client = opened(server, uri, tmp_path, content, look=False)
    first = lines(client.request("textDocument/codeLens", {"textDocument": {"uri": uri}}))
    assert first
    messages: list[dict[str, Any]] = []
    for number in range(100):
        version = 2 + 3 * number
        for step in range(3):
            place = {"line": 0, "character": 0}
            messages.append(
                change(uri, version + step, {"range": {"start": place, "end": place}, "text": "\n"})
            )
        messages.append(lenses(uri, number))
        client.expect(f"lenses-{number}")
    send_at_once(client, messages)
    client.wait(lambda: "lenses-99" in client.answers, "the last answer", limit_s=GENEROUS_S)
    client.wait(lambda: all(f"lenses-{number}" in client.answers for number in range(100)), "all answers")
    for number in range(100):
        found = lines(client.answers[f"lenses-{number}"][0]["result"])
        assert found == [line + 3 * (number + 1) for line in first]


def test_changes_after_a_large_open_wait_for_it_and_the_last_one_counts(
    server: ServerUnderTest, uri: str, tmp_path: Path
) -> None:
    client = server.client
    client.initialize(tmp_path / "work")
    content = text(plan(50, objective="long " * 20_000))
    opening = {"uri": uri, "languageId": "json", "version": 1, "text": content}
    burst = [change(uri, number + 2, letter) for number, letter in enumerate(typed(content, 200))]
    send_at_once(
        client,
        [
            {"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": opening}},
            *burst,
            change(uri, 202, replacing(content, '"draft"', '"drat"')),
        ],
    )
    client.wait(
        lambda: any(params.get("version") == 202 for params in published(client, uri)),
        "the findings of the last version",
        limit_s=GENEROUS_S,
    )
    assert "drat" in json.dumps(published(client, uri)[-1])


def test_a_client_that_pulls_gets_the_findings_of_the_text_it_has_just_sent(uri: str, tmp_path: Path) -> None:
    with ServerUnderTest(env=environment(tmp_path / "home"), capabilities=PULLING) as server:
        content = text(plan(2))
        client = opened(server, uri, tmp_path, content, look=False)
        letters = typed(content, 300)
        burst = [change(uri, number + 2, letter) for number, letter in enumerate(letters)]
        send_at_once(client, [*burst, change(uri, 302, replacing(content, '"draft"', '"drat"'))])
        report = client.request("textDocument/diagnostic", {"textDocument": {"uri": uri}})
        assert "drat" in json.dumps(report["items"])


def test_a_version_that_is_not_newer_is_ignored_in_a_burst_too(
    server: ServerUnderTest, uri: str, tmp_path: Path
) -> None:
    content = text(plan(2))
    client = opened(server, uri, tmp_path, content)
    send_at_once(
        client,
        [
            change(uri, 5, {"text": content.replace('"draft"', '"fifth"')}),
            change(uri, 4, {"text": content.replace('"draft"', '"fourth"')}),
            change(uri, 6, replacing(content, '"A plan"', '"B plan"')),
        ],
    )
    found = json.dumps(client.diagnostics(uri, 6))
    assert "fifth" in found
    assert "fourth" not in found
