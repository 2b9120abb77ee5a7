"""What a program that has the runtime inside may rely on, beyond the examples of docs/library.md."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import mplp_runtime
from mplp_lsp.cli.project import read_projects
from mplp_runtime import Answer, MemoryStore, MplpError, Question, RunRefused, Runtime, SqliteStore
from mplp_runtime.errors import PlanInvalid
from mplp_runtime.loaded_plan import LoadedPlan
from tests.runtime.orchestrator.projects import (
    CONTEXT_ID,
    PLAN_ID,
    Project,
    plan,
    role,
    statuses,
    step,
    step_id,
    table,
)
from tests.runtime.orchestrator.waiting import asked

HUMAN = table("roles.worker", action="agent_handoff", to="human")


@pytest.fixture(autouse=True)
def nobody_trusts_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def project_of(tmp_path: Path, **members: Any) -> Project:
    return Project(tmp_path / "project", **members)


async def loaded_by_library(project: Project) -> LoadedPlan:
    async with Runtime.open(project.root) as runtime:
        return await runtime.load(project.path)


async def test_a_root_may_be_text_and_a_plan_may_be_absolute(tmp_path: Path) -> None:
    project = project_of(tmp_path)
    async with Runtime.open(str(project.root)) as runtime:
        loaded = await runtime.load(project.path)
        assert (loaded.plan_id, loaded.errors, loaded.path) == (PLAN_ID, (), project.path)
        assert [each.id for each in loaded.world.documents("context")] == [CONTEXT_ID]


async def test_a_document_is_found_by_what_is_in_it_and_a_broken_one_is_no_document(tmp_path: Path) -> None:
    project = project_of(tmp_path)
    (project.root / "shop.context.json").rename(project.root / "anything.json")
    (project.root / "other.context.json").write_text("{")
    (project.root / "package.json").write_text('{"name": "x", "title": "y", "status": "z"}')
    async with Runtime.open(project.root) as runtime:
        loaded = await runtime.load("release.plan.json")
        assert [each.kind for each in loaded.world.documents()] == ["context", "plan"]
        assert (await runtime.run(loaded, simulate=True)).status == "completed"


async def test_a_document_is_of_the_same_kind_as_in_the_editor(tmp_path: Path) -> None:
    project = project_of(tmp_path)
    context = (project.root / "shop.context.json").read_text()
    files = {
        "context.json": context,
        "gap.json": context.replace('"title"', '"heading"'),
        "build.event.json": '{"ci_provider": "x"}',
        "plan.json": "{}",
        "bom.context.json": f"\ufeff{context}",
        "network.json": '{"nodes": [], "links": [], "name": "x"}',
        "deep/plan.json": "{}",
        "run.events.ndjson": '{"event_id": "x"}\n',
        "mplp.toml": "",
    }
    for name, text in files.items():
        (project.root / name).parent.mkdir(exist_ok=True)
        (project.root / name).write_text(text)
    async with Runtime.open(project.root) as runtime:
        in_library = {each.uri: each.kind for each in (await runtime.load(project.path)).world.documents()}
    in_editor = {each.uri: each.kind for each in read_projects([project.root]).below(project.root)}
    in_editor.pop((project.root / "run.events.ndjson").as_uri())  # A timeline declares nothing.
    assert in_library == in_editor
    assert len(in_library) == 8


@pytest.mark.parametrize("mark", ["mplp.toml", ".git", ".mplp"])
async def test_a_project_inside_the_project_is_by_itself_as_in_the_editor(tmp_path: Path, mark: str) -> None:
    project = project_of(tmp_path)
    alone = (await loaded_by_library(project)).findings
    inner = project.root / "examples" / "shop"
    for name in ("shop.context.json", "release.plan.json"):
        (inner / "deep").mkdir(parents=True, exist_ok=True)
        (inner / "deep" / name).write_text((project.root / name).read_text())
    (inner / mark).touch()
    loaded = await loaded_by_library(project)
    assert loaded.findings == alone, "the same ids twice would be found fault with"
    seen = read_projects([project.root]).snapshot(project.path).index
    known = [each.uri for each in loaded.world.documents()]
    assert known == [each.uri for each in seen.documents()]
    assert not any("examples" in uri for uri in known)
    async with Runtime.open(inner) as runtime:
        assert (await runtime.load("deep/release.plan.json")).errors == ()


async def test_no_role_is_called_unbound_where_the_settings_cannot_be_read(tmp_path: Path) -> None:
    project = project_of(tmp_path, toml="[run]\nmax_parallel = 'two'\n")
    async with Runtime.open(project.root) as runtime:
        findings = (await runtime.load(project.path)).findings
    assert "step-role-unbound" not in {each.code for each in findings}


async def test_a_plan_with_errors_is_loaded_and_refused_when_it_is_started(tmp_path: Path) -> None:
    project = project_of(tmp_path, plan=plan(step("one", "nowhere")))
    async with Runtime.open(project.root) as runtime:
        loaded = await runtime.load("release.plan.json")
        assert len(loaded.errors) == 1
        with pytest.raises(RunRefused, match="has errors"):
            await runtime.start(loaded, simulate=True)


@pytest.mark.parametrize(("content", "message"), [("{", "not valid JSON"), ("[]", "not a JSON object")])
async def test_what_is_no_plan_at_all_is_told_with_its_name(
    tmp_path: Path, content: str, message: str
) -> None:
    project = project_of(tmp_path)
    project.path.write_text(content)
    async with Runtime.open(project.root) as runtime:
        with pytest.raises(PlanInvalid, match=f"release.plan.json: .*{message}"):
            await runtime.load("release.plan.json")


async def test_a_plan_that_is_not_there_is_told(tmp_path: Path) -> None:
    async with Runtime.open(project_of(tmp_path).root) as runtime:
        with pytest.raises(MplpError, match="does not exist"):
            await runtime.load("typo.plan.json")


async def test_faulty_settings_are_told_when_a_plan_is_started_not_when_it_is_read(tmp_path: Path) -> None:
    project = project_of(tmp_path, toml="[run]\nmax_parallel = 'two'\n")
    async with Runtime.open(project.root) as runtime:
        loaded = await runtime.load("release.plan.json")
        with pytest.raises(MplpError, match="max_parallel"):
            await runtime.start(loaded, simulate=True)


async def test_without_the_callers_word_the_users_own_list_decides(tmp_path: Path) -> None:
    project = project_of(tmp_path, toml=table("roles.worker", action="tool_call", command=["true"]))
    async with Runtime.open(project.root) as runtime:
        with pytest.raises(RunRefused) as refused:
            await runtime.run("release.plan.json")
        assert refused.value.code == "not-trusted"
        (tmp_path / "config" / "mplp-lsp").mkdir(parents=True)
        from mplp_runtime.trust import Trust

        Trust().trust(project.root)
        assert (await runtime.run("release.plan.json")).status == "completed"


async def test_an_answer_may_take_its_time_and_each_question_is_asked_once(tmp_path: Path) -> None:
    project = project_of(tmp_path, plan=plan(step("one"), step("two")), toml=HUMAN)
    asked: list[str] = []

    async def ask(question: Question) -> Answer:
        asked.append(question.text)
        await asyncio.sleep(0)
        return Answer(success=True, output="yes")

    async with Runtime.open(project.root) as runtime:
        view = await runtime.run("release.plan.json", trusted=True, answer=ask)
    assert statuses(view) == {"one": "completed", "two": "completed"}
    assert len(asked) == len(set(asked)) == 2


async def test_a_question_that_is_left_to_others_may_be_answered_by_them(tmp_path: Path) -> None:
    project = project_of(tmp_path, toml=HUMAN)
    async with Runtime.open(project.root) as runtime:
        left = asyncio.Event()

        def leave(question: Question) -> None:
            left.set()

        run = await runtime.start("release.plan.json", trusted=True)
        ending = asyncio.create_task(runtime.wait(run.run_id, answer=leave))
        await left.wait()
        (question,) = runtime.runs.view(run.run_id).questions
        await runtime.runs.answer(run.run_id, question.step_id, success=True)
        assert (await ending).status == "completed"


async def test_a_slip_in_the_answering_function_is_raised_and_the_run_still_waits(tmp_path: Path) -> None:
    project = project_of(tmp_path, toml=HUMAN)

    def slip(question: Question) -> Answer:
        raise KeyError("slip")

    async with Runtime.open(project.root) as runtime:
        run = await runtime.start("release.plan.json", trusted=True)
        with pytest.raises(KeyError, match="slip"):
            await runtime.wait(run.run_id, answer=slip)
        assert runtime.runs.view(run.run_id).status == "running"
        view = await runtime.wait(run.run_id, answer=lambda question: Answer(success=True))
    assert view.status == "completed"


async def test_who_stops_watching_hears_no_more_and_who_watches_sees_the_end(tmp_path: Path) -> None:
    project = project_of(tmp_path, toml=HUMAN)
    async with Runtime.open(project.root) as runtime:
        run = await runtime.start("release.plan.json", trusted=True)
        async for view in runtime.watch(run.run_id):
            if view.questions:
                break
        await runtime.runs.cancel(run.run_id)
        assert [view.status async for view in runtime.watch(run.run_id)] == ["cancelled"]


async def test_a_step_is_tried_again_though_the_file_of_the_plan_is_gone(tmp_path: Path) -> None:
    code = "import pathlib, sys; sys.exit(not pathlib.Path('fixed').exists())"
    project = project_of(tmp_path, plan=plan(step("a"), step("b", "a")), toml=role("worker", code))
    async with Runtime.open(project.root) as runtime:
        run = await runtime.run("release.plan.json", trusted=True)
        assert run.status == "failed"
        (project.root / "fixed").touch()
        project.path.unlink()
        again = await runtime.retry(run.run_id, step_id("a"), trusted=True)
        again = await runtime.wait(again.run_id)
        assert (again.status, again.generation) == ("completed", 2), again.error


async def test_a_step_of_a_run_under_way_is_skipped_though_the_file_of_the_plan_is_gone(
    tmp_path: Path,
) -> None:
    project = project_of(tmp_path, toml=HUMAN)
    async with Runtime.open(project.root) as runtime:
        run = await runtime.start("release.plan.json", trusted=True)
        await asked(runtime, run.run_id)
        project.path.unlink()
        await runtime.skip(run.run_id, step_id("one"), trusted=True)
        assert (await runtime.wait(run.run_id)).status == "completed"


async def test_a_run_that_nobody_knows_is_told(tmp_path: Path) -> None:
    async with Runtime.open(project_of(tmp_path).root) as runtime:
        for ask in (runtime.trace, runtime.timeline):
            with pytest.raises(MplpError, match="No run nobody"):
                ask("nobody")
        with pytest.raises(MplpError, match="No run nobody"):
            await runtime.wait("nobody")


async def test_the_trace_of_a_run_that_left_no_file_is_read_from_the_state(tmp_path: Path) -> None:
    project = project_of(tmp_path)
    async with Runtime.open(project.root, in_memory=True) as runtime:
        run = await runtime.run("release.plan.json", simulate=True)
        assert run.trace_path is None
        trace = runtime.trace(run.run_id)
        assert (trace["trace_id"], trace["status"]) == (run.trace_id, "completed")
        assert runtime.timeline(run.run_id)[-1]["event_type"] == "SACompleted"
    assert project.names() == ["release.plan.json", "shop.context.json"]


async def test_a_store_that_was_given_has_everything_and_stays_open(tmp_path: Path) -> None:
    project = project_of(tmp_path)
    store = SqliteStore(tmp_path / "elsewhere.db")
    async with Runtime.open(project.root, store=store, in_memory=True) as runtime:
        run = await runtime.run("release.plan.json", simulate=True)
    assert store.read(lambda reading: len(reading.events(run.run_id))) > 0
    async with Runtime.open(project.root, store=store, in_memory=True) as runtime:
        assert [each.run_id for each in runtime.runs.all()] == [run.run_id]
    assert not (project.root / ".mplp").exists()
    store.close()


async def test_a_real_run_over_a_store_that_was_given_goes_on_after_its_process_is_gone(
    tmp_path: Path,
) -> None:
    project = project_of(tmp_path, toml=HUMAN)
    store = MemoryStore()
    async with Runtime.open(project.root, store=store) as runtime:
        run = await runtime.start("release.plan.json", trusted=True)
    async with Runtime.open(project.root, store=store) as runtime:
        assert runtime.runs.view(run.run_id).status == "interrupted"
        await runtime.runs.resume(run.run_id, trusted=True)
        view = await runtime.wait(run.run_id, answer=lambda question: Answer(success=True))
    assert view.status == "completed"
    assert not (project.root / ".mplp" / "state.db").exists()


async def test_a_snapshot_of_a_project_without_settings_begins_its_state(tmp_path: Path) -> None:
    project = project_of(tmp_path)
    before = project.path.read_text()
    async with Runtime.open(project.root) as runtime:
        snapshot = await runtime.take_snapshot("first")
        project.path.write_text("{}")
        restored = await runtime.restore_snapshot(snapshot.snapshot_id)
        assert (restored.written, project.path.read_text()) == (("release.plan.json",), before)
    async with Runtime.open(project.root, in_memory=True) as runtime:
        with pytest.raises(MplpError, match="keeps no state"):
            await runtime.take_snapshot()


def test_a_name_that_is_not_offered_is_an_ordinary_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mplp_runtime.nothing  # noqa: B018
