"""What may not start, and the sentence that says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.errors import MplpError, RunInProgress, RunRefused, SettingsInvalid
from tests.runtime.orchestrator.projects import (
    PLAN_ID,
    Project,
    context,
    plan,
    role,
    statuses,
    step,
    table,
)

OK = role("worker", "print('ok')")


async def refusal(project: Project, **members: Any) -> MplpError:
    async with project.runtime() as runtime:
        with pytest.raises(MplpError) as caught:
            await runtime.runs.start(project.request(**members))
        assert runtime.runs.all() == []
    return caught.value


async def test_a_plan_with_errors_names_the_first_and_counts_the_rest(tmp_path: Path) -> None:
    broken = plan(step("a", status="pendng"), step("b", agent_role=7), title="")
    found = await refusal(Project(tmp_path, broken, OK))
    assert isinstance(found, RunRefused)
    assert found.code == "not-valid"
    assert str(found).startswith("The plan has errors, so it cannot run: ")
    assert str(found).endswith("There are 2 more errors.")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{", "not valid JSON"),
        ("[1]", "not a JSON object"),
        ('{"a": NaN}', "NaN is no JSON value"),
        ('{"a": 1, "a": 2}', "the key `a` stands twice"),
        ("[" * 200_000, "nested too deeply"),
        ('{"title": "\ud800"}', "surrogate"),
    ],
)
async def test_text_that_is_no_plan_is_refused(tmp_path: Path, text: str, part: str) -> None:
    found = await refusal(Project(tmp_path, toml=OK), plan_text=text)
    assert part in str(found)


async def test_a_circle_of_steps_is_refused(tmp_path: Path) -> None:
    found = await refusal(Project(tmp_path, plan(step("a", "b"), step("b", "a")), OK))
    assert isinstance(found, RunRefused)
    assert found.code == "not-valid"


async def test_a_plan_without_its_context_is_refused(tmp_path: Path) -> None:
    found = await refusal(Project(tmp_path, toml=OK, context=None))
    assert isinstance(found, RunRefused)
    assert found.code == "context"
    assert "is in no document of this project" in str(found)


async def test_a_context_that_is_not_active_is_refused(tmp_path: Path) -> None:
    found = await refusal(Project(tmp_path, toml=OK, context=context(status="suspended")))
    assert "“Shop” is suspended" in str(found)


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
async def test_a_plan_that_is_over_offers_to_run_again(tmp_path: Path, status: str) -> None:
    done = plan(step("a", status="completed" if status == "completed" else "failed"), status=status)
    found = await refusal(Project(tmp_path, done, OK))
    assert isinstance(found, RunRefused)
    assert found.code == "terminal"
    assert "run it again" in str(found)


@pytest.mark.parametrize("status", ["draft", "proposed"])
async def test_a_plan_that_is_not_approved_is_refused(tmp_path: Path, status: str) -> None:
    found = await refusal(Project(tmp_path, plan(status=status), OK))
    assert isinstance(found, RunRefused)
    assert found.code == "not-approved"


async def test_require_confirm_makes_the_word_approved_worthless(tmp_path: Path) -> None:
    found = await refusal(Project(tmp_path, plan(), OK + table("run", require_confirm=True)))
    assert isinstance(found, RunRefused)
    assert found.code == "not-approved"


async def test_a_draft_runs_where_no_approval_is_required(tmp_path: Path) -> None:
    toml = OK + table("run", require_approval=False)
    assert (await Project(tmp_path, plan(status="draft"), toml).run()).status == "completed"


async def test_every_role_without_an_action_is_named_with_the_ways_out(tmp_path: Path) -> None:
    roles = plan(
        step("a", role="tester"), step("b", role="worker"), step("c", role="writer"), step("d", role="tester")
    )
    found = await refusal(Project(tmp_path, roles, OK))
    assert isinstance(found, RunRefused)
    assert found.code == "not-bound"
    assert "for `tester`, `writer`." in str(found)
    assert "hand it to a person" in str(found)
    assert "simulate" in str(found)


async def test_a_role_of_a_finished_step_need_not_be_bound(tmp_path: Path) -> None:
    half = plan(step("a", role="gone", status="completed"), step("b", "a"))
    assert statuses(await Project(tmp_path, half, OK).run()) == {"a": "completed", "b": "completed"}


async def test_a_model_that_cannot_be_asked_is_told_before_anything_starts(tmp_path: Path) -> None:
    model = {"action": "llm_call", "base_url": "http://127.0.0.1:1/v1", "model": "m", "prompt": "p"}
    toml = table("roles.worker", **model, api_key_env="MPLP_TEST_NO_SUCH_KEY")
    found = await refusal(Project(tmp_path / "key", plan(), toml))
    assert isinstance(found, RunRefused)
    assert "The variable `MPLP_TEST_NO_SUCH_KEY`" in str(found)
    toml = table("roles.worker", **model) + table("limits", network=False)
    assert "`network = false`" in str(await refusal(Project(tmp_path / "net", plan(), toml)))


async def test_a_handoff_to_another_role_is_refused_before_anything_starts(tmp_path: Path) -> None:
    found = await refusal(
        Project(tmp_path, plan(), table("roles.worker", action="agent_handoff", to="reviewer"))
    )
    assert "handed to the role `reviewer`" in str(found)
    assert "run the plan with a Collab" in str(found)


@pytest.mark.parametrize("limits", [{"hardened": True}, {"network": False}])
async def test_isolation_that_this_machine_does_not_have_is_refused_before_anything_starts(
    tmp_path: Path, limits: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mplp_runtime.ael.isolation._starts", lambda name: False)
    found = await refusal(Project(tmp_path, plan(), OK + table("limits", **limits)))
    assert "needs bubblewrap" in str(found)


@pytest.mark.parametrize("limits", [{"hardened": True}, {"network": False}])
async def test_a_custom_action_never_runs_unisolated_where_isolation_is_asked_for(
    tmp_path: Path, limits: dict[str, bool]
) -> None:
    toml = table("roles.worker", action="custom_action", handler="os:getcwd") + table("limits", **limits)
    assert "cannot be isolated" in str(await refusal(Project(tmp_path, plan(), toml)))


async def test_nothing_runs_in_a_folder_that_is_not_trusted(tmp_path: Path) -> None:
    found = await refusal(Project(tmp_path, toml=OK), trusted=False)
    assert isinstance(found, RunRefused)
    assert found.code == "not-trusted"


async def test_settings_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    found = await refusal(Project(tmp_path, toml="[run\n"))
    assert isinstance(found, SettingsInvalid)


async def test_a_second_run_of_the_same_plan_is_refused_and_says_who_holds_it(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(), role("worker", "import time; time.sleep(600)"))
    async with project.runtime() as first, project.runtime() as second:
        view = await first.runs.start(project.request())
        assert view.owner_pid is not None
        for runtime in (first, second):
            with pytest.raises(RunInProgress, match=f"process {view.owner_pid} since"):
                await runtime.runs.start(project.request())
        await first.runs.cancel(view.run_id)
        again = await second.runs.start(project.request(simulate=True))
        assert (await second.runs.wait(again.run_id)).status == "completed"


async def test_a_simulation_may_go_on_beside_a_run(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(), role("worker", "import time; time.sleep(600)"))
    async with project.runtime() as runtime:
        view = await runtime.runs.start(project.request())
        beside = await runtime.runs.start(project.request(simulate=True))
        assert (await runtime.runs.wait(beside.run_id)).status == "completed"
        assert runtime.runs.view(view.run_id).is_live
        latest = runtime.runs.latest(PLAN_ID)
        assert latest is not None
        assert latest.run_id == beside.run_id
