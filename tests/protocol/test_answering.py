"""The loop around features: in a worker, stoppable, and a bug stays inside (P9)."""

from __future__ import annotations

import asyncio
import inspect
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lsprotocol.types import CompletionItem

from mplp_lsp.server.answering import answer_of
from mplp_lsp.server.capabilities import Client, client_view
from mplp_lsp.server.messages import RequestError
from mplp_lsp.server.process import ServerProcess
from mplp_lsp.server.routes import Route
from mplp_lsp.server.workbench import Workbench
from mplp_runtime.errors import MplpError
from tests.protocol.fake_features import BEGUN, STOPPED


def route(name: str, **more: Any) -> Route:
    return Route("textDocument/hover", f"tests.protocol.fake_features:{name}", **more)


def fake(method: str, name: str, takes: Any) -> Route:
    return Route(method, f"tests.protocol.fake_features:{name}", takes=takes, runs="now")


def bench(tmp_path: Path) -> Workbench:
    made = Workbench(Client(), client_view({"capabilities": {}}), [tmp_path])
    made.workspace.open((tmp_path / "a.plan.json").as_uri(), "json", 1, '{"a": "\U0001f642b"}')
    return made


def at_character(tmp_path: Path, character: int, name: str = "a.plan.json") -> dict[str, Any]:
    uri = (tmp_path / name).as_uri()
    return {"textDocument": {"uri": uri}, "position": {"line": 0, "character": character}}


async def test_a_cancelled_feature_stops_at_its_next_checkpoint(tmp_path: Path) -> None:
    process = ServerProcess()
    params = at_character(tmp_path, 0)
    answer = answer_of(process, bench(tmp_path), route("spin"), params)
    task = asyncio.ensure_future(answer)  # type: ignore[arg-type]
    await asyncio.get_running_loop().run_in_executor(None, BEGUN.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.get_running_loop().run_in_executor(None, STOPPED.wait, 5)
    await process.close()


@pytest.mark.parametrize("runs", ["now", "worker"])
async def test_a_bug_in_a_feature_is_logged_once_and_answers_null(
    runs: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    process = ServerProcess()
    answer = answer_of(process, bench(tmp_path), route("broken", runs=runs), at_character(tmp_path, 0))
    assert (await answer if asyncio.iscoroutine(answer) else answer) is None
    assert len(caplog.records) == 1
    await process.close()


async def test_a_position_becomes_an_offset_in_code_points(tmp_path: Path) -> None:
    process = ServerProcess()
    found = route("offset_of", takes="position", runs="now")
    made = bench(tmp_path)
    assert answer_of(process, made, found, at_character(tmp_path, 9)) == 8
    assert answer_of(process, made, found, at_character(tmp_path, 9_999)) == 11
    assert answer_of(process, made, found, at_character(tmp_path, 0, "unknown.plan.json")) is None
    with pytest.raises(RequestError):
        answer_of(process, made, found, {"textDocument": 5})
    await process.close()


@pytest.mark.parametrize("runs", ["now", "worker"])
async def test_what_a_feature_refuses_is_told_to_the_user(runs: Any, tmp_path: Path) -> None:
    process = ServerProcess()
    found = route("refused", takes="position", runs=runs)

    async def answered() -> object:
        answer = answer_of(process, bench(tmp_path), found, at_character(tmp_path, 0))
        return await answer if inspect.isawaitable(answer) else answer

    with pytest.raises(MplpError, match="This id is taken"):
        await answered()
    await process.close()


async def test_an_item_is_answered_from_the_document_it_came_from(tmp_path: Path) -> None:
    process = ServerProcess()
    made = bench(tmp_path)
    resolve = fake("completionItem/resolve", "described", "item")
    known, gone = ((tmp_path / name).as_uri() for name in ("a.plan.json", "gone.plan.json"))
    assert answer_of(process, made, resolve, {"label": "x", "data": {"uri": known}}) == "there"
    assert answer_of(process, made, resolve, {"label": "x", "data": {"uri": gone}}) == "gone"
    assert answer_of(process, made, resolve, {"label": "x"}) == "gone"
    place = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}
    item = {"name": "x", "kind": 12, "uri": known, "range": place, "selectionRange": place}
    calls = fake("callHierarchy/incomingCalls", "described", "item")
    assert answer_of(process, made, calls, {"item": item}) == "there"
    await process.close()


async def test_a_resolve_that_fails_gives_the_item_back_as_it_came(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    process = ServerProcess()
    resolve = fake("completionItem/resolve", "broken", "item")
    answer = answer_of(process, bench(tmp_path), resolve, {"label": "x"})
    assert isinstance(answer, CompletionItem)
    assert answer.label == "x"
    assert len(caplog.records) == 1
    await process.close()


async def test_a_search_sees_every_project_of_the_session(tmp_path: Path) -> None:
    process = ServerProcess()
    roots = [tmp_path / "one", tmp_path / "two"]
    for root in roots:
        root.mkdir()
    made = Workbench(Client(), client_view({"capabilities": {}}), roots)
    search = fake("workspace/symbol", "counted", "projects")
    assert answer_of(process, made, search, {"query": ""}) == [str(root) for root in roots]
    await process.close()


def test_what_is_written_fresh_gets_the_time_of_the_snapshot(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 1, 12, tzinfo=UTC)
    made = Workbench(Client(), client_view({"capabilities": {}}), [tmp_path], clock=lambda: moment)
    assert made.snapshot().taken_at == moment


@pytest.mark.parametrize("feature", ["many", "many_ready"])
async def test_a_long_list_leaves_in_parts_where_the_client_asked_for_parts(
    feature: str, tmp_path: Path
) -> None:
    process = ServerProcess()
    sent: list[tuple[str, Any]] = []

    def notify(method: str, params: Any) -> None:
        sent.append((method, json.loads(params.json)))

    answer = f"tests.protocol.fake_features:{feature}"
    route = Route("workspace/symbol", answer, takes="projects", in_parts=True)

    async def answered(params: dict[str, Any]) -> object:
        answer = answer_of(process, bench(tmp_path), route, params, notify)
        assert inspect.isawaitable(answer)
        result = await answer
        return json.loads(result.json)

    assert await answered({"query": "", "partialResultToken": "parts"}) == []
    assert {method for method, _ in sent} == {"$/progress"}
    assert {part["token"] for _, part in sent} == {"parts"}
    assert [value for _, part in sent for value in part["value"]] == list(range(450))
    assert len(sent) == 3
    sent.clear()
    assert await answered({"query": ""}) == list(range(450))
    assert sent == []
    await process.close()
