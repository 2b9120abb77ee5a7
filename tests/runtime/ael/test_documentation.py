"""The examples of docs/actions.md are sound, and those that need nothing else run."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.ael.layer import ACTION_TYPES, ActionExecutionLayer
from mplp_runtime.rules.settings import settings_findings
from mplp_runtime.runtime import Runtime
from mplp_runtime.settings import Settings
from mplp_runtime.settings.placeholders import KNOWN
from tests.runtime.ael.model_server import contents, model_server, says
from tests.runtime.ael.told import Told
from tests.runtime.orchestrator.projects import Project, plan, statuses, step

PAGE = (Path(__file__).parents[3] / "docs/actions.md").read_text(encoding="utf-8")
AGENTS = (Path(__file__).parents[3] / "docs/agents.md").read_text(encoding="utf-8")
EXAMPLES = [tomllib.loads(text) for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)]
BINDINGS = {role: binding for example in EXAMPLES for role, binding in example["roles"].items()}


@pytest.mark.parametrize("role", BINDINGS)
def test_each_example_is_sound(role: str) -> None:
    data = {"roles": {role: BINDINGS[role]}}
    handlers = {"json:dumps"}
    assert settings_findings(data, handlers=handlers) == []
    assert Settings.model_validate(data).binding({"agent_role": role}) is not None


def test_the_example_of_an_agent_gets_the_time_that_it_asks_for() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", AGENTS, re.DOTALL)
    data = tomllib.loads(text)
    assert settings_findings(data) == []
    settings = Settings.model_validate(data)
    assert settings.limits_for(settings.roles["reviewer"]).timeout_s == 900


def test_every_action_and_every_placeholder_is_on_the_page() -> None:
    headings = " ".join(re.findall(r"^## (.*)$", PAGE, re.MULTILINE))
    assert [kind for kind in ACTION_TYPES if kind not in headings] == []
    assert [word for word in KNOWN if f"`{{{word}}}`" not in PAGE] == []


async def test_the_examples_that_need_nothing_else_run_in_one_plan(tmp_path: Path) -> None:
    toml = "\n".join(text for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
    wanted = plan(
        step("tests", role="tester"),
        step("gen", "tests", role="generator"),
        step("notes", "tests", role="releaser"),
        step("dump", role="publisher"),
        step("pub", role="publish"),
    )
    project = Project(tmp_path, wanted, toml)
    seen: list[Any] = []
    handlers = {"publish": seen.append}
    runtime = Runtime.open(tmp_path, handlers=handlers)
    try:
        view = await runtime.runs.start(project.request())
        view = await runtime.runs.wait(view.run_id)
    finally:
        await runtime.close()
    assert statuses(view) == dict.fromkeys(("tests", "gen", "notes", "dump", "pub"), "completed")
    assert [request["step"]["description"] for request in seen] == ["pub"]
    assert (tmp_path / "made.py").read_text() == "x = 1"
    assert (tmp_path / "notes/release.md").read_text() == "done\n"


async def test_the_example_of_a_model_call_sends_what_it_says(tmp_path: Path) -> None:
    async with model_server(says("Notes")) as server:
        settings = {**BINDINGS["writer"], "base_url": server.base_url}
        action = Told().action(tmp_path, "llm_call", settings, inputs={"a": "one", "b": "two"})
        result = await ActionExecutionLayer().execute(action)
        (exchange,) = server.exchanges
    assert result.output == "Notes"
    assert contents(exchange) == [
        ("system", "You write release notes for Release."),
        ("user", "Do it\n\nWhat is known so far:\none\n\ntwo"),
    ]
