"""Params of every announced method that do not fit: one answer each, with the right code (P7)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lsprotocol.types import CompletionTriggerKind

from mplp_lsp.server.messages import RequestError
from mplp_lsp.server.params import structured
from mplp_lsp.server.routes import ROUTES
from tests.protocol.client import PLAIN, PULLING, ServerUnderTest, environment

POSITION = {"line": 0, "character": 0}
RANGE = {"start": POSITION, "end": POSITION}
METHODS = ("textDocument/codeLens", "textDocument/inlayHint", "textDocument/codeAction")
WRONG: list[Any] = [
    None,
    [],
    {},
    "text",
    7,
    True,
    {"textDocument": None},
    {"textDocument": []},
    {"textDocument": {"uri": 7}, "range": "x"},
    {
        "textDocument": {"uri": "file:///a.plan.json"},
        "range": {"start": POSITION},
        "context": 5,
        "position": "x",
    },
    {"textDocument": {}, "range": RANGE, "context": {"diagnostics": []}},
]


@pytest.mark.parametrize("method", METHODS)
def test_params_that_do_not_fit_are_refused_with_their_id(method: str, tmp_path: Path) -> None:
    capabilities = {
        "textDocument": {**PLAIN["textDocument"], "codeLens": {}, "inlayHint": {}, "codeAction": {}}
    }
    with ServerUnderTest(capabilities=capabilities, env=environment(tmp_path)) as server:
        server.client.initialize(tmp_path)
        for params in WRONG:
            fits = method == "textDocument/codeLens" and isinstance(params, dict) and "range" in params
            if fits and params["textDocument"] == {"uri": "file:///a.plan.json"}:
                continue
            number = server.client.begin(method, params)
            answer = server.client.answer(number)
            assert answer.get("error", {}).get("code") == -32602, (params, answer)
            assert "Traceback" not in str(answer)


HERE = {"textDocument": {"uri": "file:///a.plan.json"}, "position": POSITION}


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("textDocument/rename", {**HERE, "newName": None}),
        ("textDocument/references", {**HERE, "context": {"includeDeclaration": "false"}}),
        ("textDocument/hover", {**HERE, "position": {"line": "0", "character": 0}}),
        ("textDocument/hover", {**HERE, "position": {"line": True, "character": 0}}),
        ("textDocument/hover", {**HERE, "position": {"line": 1.7, "character": 0}}),
        ("textDocument/completion", {**HERE, "context": {"triggerKind": 9}}),
        ("workspace/symbol", {"query": None}),
        (
            "textDocument/didOpen",
            {"textDocument": {"uri": "file:///a", "languageId": "", "version": 1, "text": None}},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_nothing_is_made_of_what_a_client_did_not_say(method: str, params: dict[str, Any]) -> None:
    with pytest.raises(RequestError) as refused:
        structured(method, params)
    assert refused.value.code == -32602


def test_a_whole_number_may_be_written_with_a_point_and_kinds_are_kinds() -> None:
    asked = {**HERE, "position": {"line": 3.0, "character": 0}, "context": {"triggerKind": 2}}
    read = structured("textDocument/completion", asked)
    assert (read.position.line, read.context.trigger_kind) == (3, CompletionTriggerKind.TriggerCharacter)
    assert isinstance(read.context.trigger_kind, CompletionTriggerKind)


def test_a_change_whose_range_is_null_is_the_whole_text_and_one_whose_range_is_unsound_is_refused() -> None:
    document = {"uri": "file:///a.plan.json", "version": 2}
    whole = {"textDocument": document, "contentChanges": [{"range": None, "text": "{}"}]}
    (change,) = structured("textDocument/didChange", whole).content_changes
    assert (change.text, getattr(change, "range", None)) == ("{}", None)
    unsound_ranges: list[Any] = [{"start": POSITION}, {}, 5, []]
    for unsound in unsound_ranges:
        message = {"textDocument": document, "contentChanges": [{"range": unsound, "text": ""}]}
        with pytest.raises(RequestError):
            structured("textDocument/didChange", message)
    part = {"textDocument": document, "contentChanges": [{"range": RANGE, "text": "x"}]}
    (change,) = structured("textDocument/didChange", part).content_changes
    assert (change.text, change.range.start.line) == ("x", 0)


def test_every_announced_provider_has_a_method_that_answers(tmp_path: Path) -> None:
    with ServerUnderTest(env=environment(tmp_path)) as server:
        announced = server.client.initialize(tmp_path)["capabilities"]
        providers = {name for name in announced if name.endswith("Provider")}
        behind = {route.provider: route for route in ROUTES if route.provider is not None}
        assert providers - {"executeCommandProvider"} <= set(behind)
        assert {"codeLensProvider", "hoverProvider", "codeActionProvider"} <= providers
        uri = (tmp_path / "a.plan.json").as_uri()
        server.client.open(uri, "{")
        # What any of them may ask for, at once.
        everything = {
            "textDocument": {"uri": uri},
            "range": RANGE,
            "position": POSITION,
            "positions": [POSITION],
            "ranges": [RANGE],
            "context": {"diagnostics": [], "includeDeclaration": True, "triggerKind": 1},
            "options": {"tabSize": 2, "insertSpaces": True},
            "newName": "x",
            "ch": "}",
            "query": "a",
        }
        for name in sorted(providers & set(behind)):
            answer = server.client.answer(server.client.begin(behind[name].method, everything))
            # A refusal with a sentence is an answer too: there is nothing to rename here.
            assert "result" in answer or answer["error"]["code"] == -32803, (behind[name].method, answer)


@pytest.mark.parametrize("place", [-1, 2**31, 2**40, 10**30])
def test_positions_out_of_all_bounds_are_clamped_or_refused(place: int, tmp_path: Path) -> None:
    env = environment(tmp_path, MPLP_LSP_DEBUG="1")
    with ServerUnderTest(capabilities=PULLING, env=env) as server:
        client = server.client
        client.initialize(tmp_path)
        uri = (tmp_path / "a.plan.json").as_uri()
        client.open(uri, "{}\n")
        where = {"start": {"line": place, "character": place}, "end": {"line": place, "character": place}}
        client.change(uri, 2, {"range": where, "text": " "})
        params = {"textDocument": {"uri": uri}, "range": where, "context": {"diagnostics": []}}
        client.answer(client.begin("textDocument/codeAction", params))
        held = client.request(
            "workspace/executeCommand", {"command": "mplp.debug.text", "arguments": [{"uri": uri}]}
        )
        assert held.strip() == "{}"


def test_a_notification_that_does_not_fit_is_ignored_without_a_message(tmp_path: Path) -> None:
    with ServerUnderTest(env=environment(tmp_path)) as server:
        client = server.client
        client.initialize(tmp_path)
        for method in (
            "textDocument/didOpen",
            "textDocument/didChange",
            "textDocument/didSave",
            "textDocument/didClose",
            "workspace/didChangeWatchedFiles",
            "workspace/didChangeWorkspaceFolders",
            "workspace/didChangeConfiguration",
            "workspace/didRenameFiles",
            "workspace/didCreateFiles",
            "workspace/didDeleteFiles",
            "window/workDoneProgress/cancel",
            "$/progress",
        ):
            for params in WRONG:
                client.notify(method, params)
        assert client.error_of("no/such") == -32601
        client.take_all(0.2)
        assert [note for note in client.notifications if note["method"].startswith("window/show")] == []


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "x",
        "file:",
        "file:///",
        "file://host/share/a.plan.json",
        "file:///%00.plan.json",
        "file:///%2e%2e/%2e%2e/etc/passwd",
        "file:///a%20b%23c%25.plan.json",
        "file:///dev/zero",
        "untitled:a.plan.json",
        "git:/a.plan.json?ref",
        "http://example.org/a.plan.json",
        "file:///" + "a" * 5_000 + ".plan.json",
        "file:///caf%C3%A9.plan.json",
        "file:///\ud800.plan.json",
    ],
)
def test_odd_uris_neither_stop_the_server_nor_lead_it_anywhere(uri: str, tmp_path: Path) -> None:
    with ServerUnderTest(env=environment(tmp_path)) as server:
        client = server.client
        client.initialize(tmp_path)
        client.open(uri, '{"plan_id": 5')
        client.change(uri, 2, {"text": "{"})
        client.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
        client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": uri, "type": 2}]})
        client.notify("workspace/didRenameFiles", {"files": [{"oldUri": uri, "newUri": uri + "x"}]})
        client.answer(client.begin("textDocument/codeLens", {"textDocument": {"uri": uri}}))
        client.close(uri)
        assert client.error_of("no/such") == -32601
