"""Agents that ask several things at once: each question is answered, and no place is given away twice."""

from __future__ import annotations

import sys
from pathlib import Path

from mplp_runtime.errors import MplpError
from mplp_runtime.orchestrator.views import Answer, Question, RunView
from tests.runtime.orchestrator.projects import Project, plan, role, statuses, step, step_id, table
from tests.runtime.orchestrator.waiting import asked, effects, seen

_PRELUDE = (
    "import json, sys, pathlib, time\n"
    "def say(**m): print(json.dumps(m), flush=True)\n"
    "def read(): return json.loads(sys.stdin.readline())\n"
    "start = read()\n"
)
_ASKS = (
    "for n in range({count}): say(type='question', id=n, text={text})\n"
    "answers = [read() for n in range({count})]\n"
    "say(type='result', success=True, output={{a['id']: a['output'] for a in answers}})\n"
)
_NOTES = (
    "import time, pathlib\n"
    "def note(word):\n"
    "    with open('effects', 'a') as file: file.write(word + '\\n')\n"
    "note('begin'); time.sleep(0.05); note('end')\n"
)
_WAITS = "import pathlib, time\nwhile not pathlib.Path('go').exists(): time.sleep(0.01)\n"


def agent(code: str) -> str:
    return table("roles.agent", action="agent_handoff", to=[sys.executable, "-c", _PRELUDE + code])


def asks(count: int, text: str = "f'Q{n}'") -> str:
    return agent(_ASKS.format(count=count, text=text))


async def test_an_agents_second_open_question_is_asked_after_the_first_and_its_run_ends(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, plan(step("a", role="agent")), asks(2))
    shown: list[tuple[str, ...]] = []

    def answer(question: Question) -> Answer:
        shown.append(tuple(each.text for each in runtime.runs.view(question.run_id).questions))
        return Answer(True, question.text.lower())

    async with project.runtime() as runtime:
        view = await runtime.run(project.path, trusted=True, answer=answer)
        output = await runtime.vsl.get(f"run_output/{view.run_id}/{step_id('a')}")
    assert (statuses(view), shown) == ({"a": "completed"}, [("Q0",), ("Q1",)])
    assert output == {"0": "q0", "1": "q1"}


async def test_what_an_agent_asks_twice_in_the_same_words_is_asked_twice(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a", role="agent")), asks(2, "'Go on?'"))
    given = iter(("first", "second"))
    async with project.runtime() as runtime:
        view = await runtime.run(project.path, trusted=True, answer=lambda _: Answer(True, next(given)))
        output = await runtime.vsl.get(f"run_output/{view.run_id}/{step_id('a')}")
    assert output == {"0": "first", "1": "second"}


async def test_four_open_questions_of_one_step_let_one_other_step_run_at_a_time(tmp_path: Path) -> None:
    others = [step(name) for name in "bcdef"]
    toml = table("run", max_parallel=1) + asks(4) + role("worker", _NOTES)
    project = Project(tmp_path, plan(step("a", role="agent"), *others), toml)

    def is_only_asking(view: RunView) -> bool:
        return [each.status for each in view.steps.values()].count("completed") == len(others)

    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await seen(runtime, run_id, is_only_asking)
        for number in range(4):
            view = await seen(
                runtime, run_id, lambda view, n=number: [each.text for each in view.questions] == [f"Q{n}"]
            )
            await runtime.runs.answer(run_id, step_id("a"), success=True)
        view = await runtime.runs.wait(run_id)
    assert view.status == "completed"
    assert effects(tmp_path) == ["begin", "end"] * len(others)


async def test_nobody_is_asked_any_more_what_an_agent_that_has_ended_wanted_to_know(tmp_path: Path) -> None:
    toml = table("run", on_failure="continue-independent")
    toml += agent("say(type='question', id=1, text='Well?'); read_none = sys.exit(4)")
    toml += table("roles.person", action="agent_handoff", to="human")
    project = Project(tmp_path, plan(step("a", role="agent"), step("b", role="person")), toml)
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id

        def is_over(view: RunView) -> bool:
            asked_at = [each.step_id for each in view.questions]
            return view.steps[step_id("a")].status == "failed" and asked_at == [step_id("b")]

        await seen(runtime, run_id, is_over)
        try:
            await runtime.runs.answer(run_id, step_id("a"), success=True)
        except MplpError as problem:
            assert "No question is open" in str(problem)  # noqa: PT017  # both it and the end are looked at
        await runtime.runs.answer(run_id, step_id("b"), success=True)
        view = await runtime.runs.wait(run_id)
    assert statuses(view) == {"a": "failed", "b": "completed"}


async def test_a_step_that_waits_for_its_place_after_an_answer_can_be_skipped(tmp_path: Path) -> None:
    toml = table("run", max_parallel=1) + table("gates", confirm_steps=["gated"])
    toml += role("gated", "raise SystemExit(1)") + role("worker", _WAITS)
    project = Project(tmp_path, plan(step("a", role="gated"), step("b")), toml)
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await asked(runtime, run_id, "gate")
        await seen(runtime, run_id, lambda view: len(view.current) == 1)
        view = await runtime.runs.answer(run_id, step_id("a"), success=True)
        # The answer holds at once, though there is no place for the step yet.
        assert (view.questions, statuses(view)["a"]) == ((), "pending")
        await runtime.skip(run_id, step_id("a"), trusted=True)
        (tmp_path / "go").touch()
        view = await runtime.runs.wait(run_id)
    assert (view.status, statuses(view)) == ("completed", {"a": "skipped", "b": "completed"})
