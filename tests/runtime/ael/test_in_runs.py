"""What actions do inside real runs: their events, their servers, their questions, their end."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.ael.undo import take_back, undo_notes
from mplp_runtime.errors import RunRefused
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.runtime import Runtime
from tests.runtime.ael.model_server import hangs, model_server, refuses, says
from tests.runtime.ael.told import until
from tests.runtime.orchestrator.projects import (
    Project,
    errors,
    plan,
    role,
    statuses,
    step,
    step_id,
    table,
    timeline_of,
    trace_of,
)

MCP = [sys.executable, str(Path(__file__).with_name("mcp_program.py"))]


def events(root: Path, view: RunView, family: str) -> list[Mapping[str, Any]]:
    return [event for event in timeline_of(root, view) if event.get("event_family") == family]


def agent(name: str, code: str, **settings: object) -> str:
    prelude = (
        "import json, sys, time\n"
        "def say(**m): print(json.dumps(m), flush=True)\n"
        "def read(): return json.loads(sys.stdin.readline())\n"
        "start = read()\n"
    )
    to = [sys.executable, "-c", prelude + code]
    return table(f"roles.{name}", action="agent_handoff", to=to, **settings)


async def test_a_model_writes_what_the_next_step_gets_and_the_timeline_has_its_cost(tmp_path: Path) -> None:
    reader = role("reader", "import json, sys; print(list(json.load(sys.stdin)['inputs'].values())[0])")
    async with model_server(refuses(429, retry_after="0"), says("Two ", "words")) as server:
        model = {"base_url": server.base_url, "model": "m", "prompt": "{step.description}", "input_price": 1}
        toml = table("roles.worker", action="llm_call", **model) + reader
        project = Project(tmp_path, plan(step("a"), step("b", "a", role="reader")), toml)
        view = await project.run()
    assert statuses(view) == {"a": "completed", "b": "completed"}
    assert view.steps[step_id("b")].output.strip() == "Two words"
    (cost,) = events(tmp_path, view, "cost_budget")
    assert cost["payload"]["total_tokens"] == 12
    trace = trace_of(tmp_path, view)
    assert "Two words" in trace["segments"][0]["attributes"]["output"]
    assert errors("trace", trace) == []


async def test_a_key_that_a_model_repeats_stands_in_no_file_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRITER_KEY", "sk-verysecret-1")
    async with model_server(says("Yours is sk-very", "secret-1, is it not?")) as server:
        model = {"base_url": server.base_url, "model": "m", "prompt": "p", "api_key_env": "WRITER_KEY"}
        project = Project(tmp_path, plan(), table("roles.worker", action="llm_call", **model))
        view = await project.run()
    assert view.steps[step_id("one")].output == "Yours is ***, is it not?"
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert tmp_path / ".mplp" / "state.db" in kept
    assert [path for path in kept if b"verysecret" in path.read_bytes()] == []


async def test_the_trace_of_a_run_has_the_text_that_a_model_has_written_so_far(tmp_path: Path) -> None:
    async with model_server(hangs("I think")) as server:
        toml = table("roles.worker", action="llm_call", base_url=server.base_url, model="m", prompt="p")
        project = Project(tmp_path, plan(), toml)
        async with project.runtime() as runtime:
            view = await runtime.runs.start(project.request())

            def written() -> object:
                trace = runtime.trace(view.run_id)
                assert errors("trace", trace) == []
                return [segment["attributes"].get("output") for segment in trace["segments"]]

            await until(lambda: written() == ["I think"])
            await runtime.runs.cancel(view.run_id)


async def test_cancelling_a_run_closes_the_models_stream(tmp_path: Path) -> None:
    async with model_server(hangs("I think")) as server:
        toml = table("roles.worker", action="llm_call", base_url=server.base_url, model="m", prompt="p")
        project = Project(tmp_path, plan(), toml)
        async with project.runtime() as runtime:
            view = await runtime.runs.start(project.request())
            await until(lambda: "I think" in runtime.runs.view(view.run_id).steps[step_id("one")].output)
            assert (await runtime.runs.cancel(view.run_id)).status == "cancelled"
        await asyncio.wait_for(server.exchanges[0].closed.wait(), 60)


async def test_steps_of_one_run_share_their_mcp_server_and_the_next_run_has_its_own(tmp_path: Path) -> None:
    tools = table("roles.worker", action="tool_call", server=MCP, tool="count", memory_mib=2048)
    project = Project(tmp_path, plan(step("a"), step("b", "a")), tools + table("limits", memory_mib=2048))
    pids = []
    for _ in range(2):
        view = await project.run()
        assert view.status == "completed", view.error
        outputs = [json.loads(view.steps[step_id(name)].output) for name in ("a", "b")]
        assert [each["calls"] for each in outputs] == [1, 2]
        pids.append(outputs[0]["pid"])
        assert outputs[0]["pid"] == outputs[1]["pid"]
        assert not Path(f"/proc/{pids[-1]}").exists()
    assert pids[0] != pids[1]
    told = [event["payload"]["status"] for event in events(tmp_path, view, "external_integration")]
    assert told == ["running", "succeeded"] * 2


async def test_an_agent_asks_a_person_in_its_own_words(tmp_path: Path) -> None:
    code = (
        "say(type='question', id=1, text='Which colour?'); colour = read()['output']\n"
        "say(type='question', id=2, text='How many?'); number = read()['output']\n"
        "say(type='result', success=True, output=number + ' ' + colour)"
    )
    project = Project(tmp_path, plan(step("one", role="painter")), agent("painter", code))
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id

        def asked() -> list[str]:
            return [question.text for question in runtime.runs.view(run_id).questions]

        await until(lambda: asked() == ["Which colour?"])
        await runtime.runs.answer(run_id, step_id("one"), success=True, output="red")
        await until(lambda: asked() == ["How many?"])
        await runtime.runs.answer(run_id, step_id("one"), success=True, output="three")
        view = await runtime.runs.wait(run_id)
    assert view.status == "completed"
    assert view.steps[step_id("one")].output == "three red"


async def test_a_handler_registered_in_code_does_its_step_and_trust_still_rules(tmp_path: Path) -> None:
    calls: list[str] = []

    def publish(request: Mapping[str, Any]) -> Mapping[str, Any]:
        calls.append(request["step"]["description"])
        return {"status": "executed"}

    toml = table("roles.worker", action="custom_action", handler="publish")
    project = Project(tmp_path, plan(), toml)
    runtime = Runtime.open(tmp_path)
    try:
        with pytest.raises(RunRefused, match="No installed package offers the action `publish`"):
            await runtime.runs.start(project.request())
        runtime.handlers.register("publish", publish)
        with pytest.raises(RunRefused, match="not trusted"):
            await runtime.runs.start(project.request(trusted=False))
        assert calls == []
        view = await runtime.runs.start(project.request())
        assert (await runtime.runs.wait(view.run_id)).status == "completed"
    finally:
        await runtime.close()
    assert calls == ["one"]


async def test_a_file_operation_of_a_run_can_be_taken_back(tmp_path: Path) -> None:
    toml = table("roles.worker", action="file_operation", operation="write", target="x", content="new")
    project = Project(tmp_path, plan(), toml)
    (tmp_path / "x").write_text("old")
    view = await project.run()
    assert (tmp_path / "x").read_text() == "new"
    (note,) = undo_notes(tmp_path, view.run_id)
    (told,) = events(tmp_path, view, "compensation_plan")
    assert told["payload"]["undo"] == f".mplp/undo/{view.run_id}/{note.name}.json"
    take_back(tmp_path, note)
    assert (tmp_path / "x").read_text() == "old"


async def test_the_trace_on_disk_has_the_output_of_a_step_that_is_still_at_work(tmp_path: Path) -> None:
    code = (
        "import pathlib, time\nprint('half way', flush=True)\n"
        "while not pathlib.Path('go').exists(): time.sleep(0.02)\nprint('all the way')"
    )
    project = Project(tmp_path, plan(), role("worker", code))
    async with project.runtime() as runtime:
        view = await runtime.runs.start(project.request())

        def output() -> str:
            shown = runtime.runs.view(view.run_id)
            path = tmp_path / (shown.trace_path or "")
            if not path.is_file():
                return ""
            trace = json.loads(path.read_text())
            assert errors("trace", trace) == []
            (segment,) = trace["segments"] or [{"status": "", "attributes": {}}]
            return f"{segment['status']}: {segment['attributes'].get('output', '')}"

        await until(lambda: output() == "running: half way\n")
        (tmp_path / "go").touch()
        await runtime.runs.wait(view.run_id)
        assert output() == "completed: half way\nall the way"
