"""Functions that do steps, by every way they may be named, and the rule of what success is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mplp_runtime.ael.action import SUCCESS_WORDS, ActionResult, is_success
from mplp_runtime.ael.handlers import Handlers, HandlerUnknown
from mplp_runtime.ael.layer import ACTION_TYPES, ActionExecutionLayer, action_problem
from mplp_runtime.settings import Limits
from tests.runtime.ael.told import RUN_ID, STEP, Told


def installed(request: Mapping[str, Any]) -> str:
    return f"installed: {request['step']['description']}"


@pytest.fixture
def installed_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [EntryPoint("publish", f"{__name__}:installed", "mplp_lsp.actions")]
    monkeypatch.setattr("mplp_runtime.ael.handlers.entry_points", lambda group: found)


async def execute(kind: str, handlers: Handlers, settings: Mapping[str, Any], **members: Any) -> ActionResult:
    action = Told().action(Path("/"), kind, settings, **members)
    return await ActionExecutionLayer(handlers=handlers).execute(action)


@pytest.mark.usefixtures("installed_packages")
async def test_a_handler_is_found_in_code_then_among_packages_then_by_its_path() -> None:
    handlers = Handlers()
    for name in ("publish", f"{__name__}:installed"):
        assert (await execute("custom_action", handlers, {"handler": name})).output == "installed: Do it"
    handlers.register("publish", lambda request: "from code")
    assert (await execute("custom_action", handlers, {"handler": "publish"})).output == "from code"
    assert handlers.names() == {"publish"}


async def test_packages_are_listed_once_for_many_steps_and_what_is_installed_meanwhile_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: list[EntryPoint] = []
    listings: list[str] = []

    def listed(group: str) -> list[EntryPoint]:
        listings.append(group)
        return list(found)

    monkeypatch.setattr("mplp_runtime.ael.handlers.entry_points", listed)
    handlers = Handlers()
    for _ in range(3):
        assert (await execute("custom_action", handlers, {"handler": f"{__name__}:installed"})).success
    assert len(listings) == 1
    assert not (await execute("custom_action", handlers, {"handler": "publish"})).success
    found.append(EntryPoint("publish", f"{__name__}:installed", "mplp_lsp.actions"))
    assert (await execute("custom_action", handlers, {"handler": "publish"})).success


async def test_a_handler_that_is_nowhere_fails_in_a_sentence_and_is_told_before_the_run() -> None:
    result = await execute("custom_action", Handlers(), {"handler": "publish"})
    assert result.error == action_problem("custom_action", {"handler": "publish"})
    assert str(result.error).startswith("No installed package offers the action `publish`")


@pytest.mark.usefixtures("installed_packages")
@pytest.mark.parametrize("kind", ["step_execution", "agent_execution"])
async def test_the_role_names_the_executor_where_nothing_else_does(kind: str) -> None:
    def work(request: Mapping[str, Any]) -> list[Any]:
        return [request["action"], request["run_id"], request["step"]["step_id"]]

    handlers = Handlers({"worker": work})
    assert (await execute(kind, handlers, {})).output == [kind, RUN_ID, STEP["step_id"]]
    assert action_problem(kind, {}, role="worker", handlers=handlers) is None
    assert action_problem(kind, {}, role="publish", handlers=handlers) is None
    assert action_problem(kind, {}, role="nobody", handlers=handlers) is not None
    assert (await execute(kind, handlers, {"handler": "publish"})).output == "installed: Do it"


async def test_a_role_never_chooses_what_is_imported() -> None:
    step = {**STEP, "agent_role": "os:getcwd"}
    result = await execute("step_execution", Handlers(), {}, step=step)
    assert not result.success
    assert "os:getcwd" in str(result.error)
    with pytest.raises(HandlerUnknown):
        Handlers().named(f"{__name__}:installed", only_registered=True)


async def test_an_async_handler_ends_at_its_time_limit() -> None:
    async def wait(request: Mapping[str, Any]) -> None:
        await asyncio.sleep(600)

    result = await execute("step_execution", Handlers({"worker": wait}), {}, limits=Limits(timeout_s=0.2))
    assert result.timed_out


async def test_every_action_type_is_known_and_nothing_else() -> None:
    for kind in ACTION_TYPES:
        settings = {"handler": "x"} if kind == "custom_action" else {}
        result = await execute(
            kind, Handlers({"x": lambda request: 1, "worker": lambda request: 1}), settings
        )
        assert "is no action" not in str(result.error)
    assert (await execute("shell", Handlers(), {})).error == (
        "`shell` is no action. Known: llm_call, tool_call, agent_handoff, file_operation, custom_action, "
        "step_execution, agent_execution."
    )


words = st.one_of(st.sampled_from(sorted(SUCCESS_WORDS)), st.text(max_size=12), st.none(), st.integers())
verdicts = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3))


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(success=verdicts, status=words, has_success=st.booleans(), has_status=st.booleans())
def test_success_decides_where_it_is_said_and_the_status_where_it_is_not(
    success: Any, status: Any, has_success: bool, has_status: bool
) -> None:
    members = {**({"success": success} if has_success else {}), **({"status": status} if has_status else {})}
    if has_success and success is not None:
        expected = bool(success)
    else:
        expected = has_status and status in {"executed", "completed", "succeeded", "success"}
    assert is_success(members) == expected
    assert is_success(SimpleNamespace(**members)) == expected


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(value=st.one_of(st.none(), st.text(), st.integers(), st.lists(st.integers()), st.booleans()))
def test_what_is_no_result_is_no_success(value: Any) -> None:
    assert is_success(value) is False


@pytest.mark.parametrize(
    ("returned", "success"),
    [
        ({"status": "executed"}, True),
        ({"status": "rejected"}, False),
        ({"success": True, "status": "failed"}, True),
        ({"success": False, "status": "completed"}, False),
        ({"anything": 1}, True),
        (None, True),
    ],
    ids=["executed", "rejected", "success wins", "failure wins", "data", "nothing"],
)
async def test_the_seeds_results_mean_what_they_say(returned: Any, success: bool) -> None:
    result = await execute("step_execution", Handlers({"worker": lambda request: returned}), {})
    assert result.success is success
    assert result.status == ("completed" if success else "failed")
