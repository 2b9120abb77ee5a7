"""The process that is killed: it begins, or goes on with, whatever a project's scenario does.

What it says on standard output is what its user was told. The harness keeps those lines outside of this
process and holds every later one to them:

`ready <s>`, `run <id> <status>`  the state is open after so many seconds; this run is there
`is <step> <status>`            how a step stands after the restart, before anything goes on
`owner <run>`                   this process carries the run
`start <step> <attempt>`, `done <step>`, `failed <step> <attempt>` as they were shown
`asks <kind> <step> <attempt>`, `answered …`   a question, and its answer once it took effect
`approved`, `cancelling`, `cancelled`, `kept <round> <snapshot>`, `restored <round>`
`wrong <what>`                  a promise that this process itself saw broken
`end <status>`, `memory <KiB>`, `refused <sentence>`
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mplp_lsp.workspace.scan import project_files
from mplp_runtime.errors import MplpError, RunInProgress, RunRefused
from mplp_runtime.orchestrator.views import Question, RunView
from mplp_runtime.runtime import Runtime
from tests.chaos import shim
from tests.chaos.mutations import Mutation, apply
from tests.chaos.scenarios import PLAN_MAKERS, Scenario
from tests.chaos.steps import PAUSE, effects
from tests.runtime.orchestrator.projects import PLAN_ID, Project

REFUSED = 3

_FIRST, _SECOND = "first\n" * 2000, "second\n" * 3000


@dataclass(frozen=True)
class Task:
    """What one process shall do. `heard` is what its predecessors said, as far as that survived them."""

    root: Path
    scenario: str
    heard: tuple[str, ...] = ()
    pause_s: float = 0.0
    stop_at: int = 0
    stop: shim.Stop = "before"
    log: Path | None = None
    mutation: Mutation | None = None


def run(task: Task) -> int:
    """The whole life of the process; its exit code."""
    os.environ[PAUSE] = str(task.pause_s)
    if task.mutation is not None:
        apply(task.mutation)
    if shim.is_loaded() and (task.stop_at or task.log is not None):
        shim.arm(task.root, stop_at=task.stop_at, stop=task.stop, log=task.log)
    scenario = PLAN_MAKERS(task.scenario)
    try:
        return asyncio.run(_Driver(task, scenario).drive())
    except MplpError as problem:
        say("refused", problem)
        return REFUSED


def say(*words: object) -> None:
    """One line, at once. The mark comes after it: what is in the log was said."""
    line = " ".join(map(str, words))
    os.write(1, f"{line}\n".encode())
    shim.mark(line)


class _Driver:
    def __init__(self, task: Task, scenario: Scenario) -> None:
        self._task = task
        self._scenario = scenario
        self._project = _as_it_is(task.root)
        self._told: set[tuple[object, ...]] = set()
        self._asked: set[tuple[str, str, int]] = set()

    async def drive(self) -> int:
        began = time.monotonic()
        runtime = Runtime.open(
            self._task.root, follow_interval_s=0.1, list_files=lambda folder: project_files(folder).files
        )
        try:
            say("ready", round(time.monotonic() - began, 3))
            await self._go_on(runtime)
            if self._scenario.restores:
                await self._restore(runtime)
        finally:
            await runtime.close()
        say("memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        return 0

    async def _go_on(self, runtime: Runtime) -> None:
        latest = runtime.runs.latest(PLAN_ID)
        if latest is not None:
            say("run", latest.run_id, latest.status)
            for step in latest.steps.values():
                say("is", step.description, step.status)
        runtime.runs.subscribe(self._tell)
        view = await self._carried(runtime, latest)
        while (view := runtime.runs.view(view.run_id)).is_live:
            if self._wants_cancel(view):
                view = await self._cancel(runtime, view)
                break
            for question in view.questions:
                await self._answer(runtime, view, question)
            await runtime.runs.notices.changed_within(0.05)
        if view.status == "interrupted" and self._is_cancelling():
            view = await self._cancel(runtime, view)
        # Its last trace may be under way still.
        view = await runtime.runs.wait(view.run_id)
        self._tell(view)
        say("end", view.status)

    async def _carried(self, runtime: Runtime, latest: RunView | None) -> RunView:
        """The run, begun or taken up by this process; as it is if another one has it or it is over."""
        if latest is None and self._scenario.is_draft:
            await self._approve(runtime)
        try:
            if latest is None:
                view = await runtime.runs.start(self._project.request())
            elif latest.status == "interrupted" and not self._is_cancelling():
                view = await runtime.runs.resume(latest.run_id, trusted=True)
            else:
                return latest
        except (RunInProgress, RunRefused):
            rival = runtime.runs.latest(PLAN_ID)
            if rival is None:
                raise
            return rival
        say("owner", view.run_id)
        return view

    async def _approve(self, runtime: Runtime) -> None:
        path, plan = self._project.path, self._project.plan
        word = runtime.approvals.state(path, plan).word
        if "approved" in self._task.heard and word != "approved":
            say("wrong", f"the approval that was acknowledged is {word}")
        if word == "approved":
            return
        if word != "pending":
            await runtime.approvals.propose(path, plan)
            say("proposed")
        await runtime.approvals.approve(path, plan)
        say("approved")

    def _tell(self, view: RunView) -> None:
        for step in view.steps.values():
            if step.status == "in_progress" and not step.interrupted:
                self._tell_once("start", step.description, step.attempt)
            elif step.status == "completed":
                self._tell_once("done", step.description)
            elif step.status == "failed":
                self._tell_once("failed", step.description, step.attempt)

    def _tell_once(self, *words: object) -> None:
        if words not in self._told:
            self._told.add(words)
            say(*words)

    async def _answer(self, runtime: Runtime, view: RunView, question: Question) -> None:
        step = view.steps[question.step_id]
        mark = (question.kind, step.description, step.attempt)
        if mark in self._asked:
            return
        self._asked.add(mark)
        say("asks", *mark)
        success, repeat = True, False
        if question.kind == "repeat":
            # A person looks at what this attempt has left behind, and decides by it.
            role = step.description.partition("-")[0]
            success = (
                (self._task.root / "written.txt").exists()
                if role == "writer"
                else (step.description, step.attempt) in effects(self._task.root)
            )
            repeat = not success
        try:
            await runtime.runs.answer(view.run_id, question.step_id, success=success, repeat=repeat)
        except MplpError as problem:
            # A rival that asks the same person was answered a moment ago.
            say("unanswered", problem)
            return
        say("answered", *mark)

    def _is_cancelling(self) -> bool:
        return self._scenario.cancels_after is not None and bool(
            {"cancelling", "cancelled"}.intersection(
                (*self._task.heard, *("cancelling",) * self._asked_cancel)
            )
        )

    _asked_cancel = False

    def _wants_cancel(self, view: RunView) -> bool:
        enough = self._scenario.cancels_after
        return enough is not None and sum(s.status == "completed" for s in view.steps.values()) >= enough

    async def _cancel(self, runtime: Runtime, view: RunView) -> RunView:
        self._asked_cancel = True
        say("cancelling")
        view = await runtime.runs.cancel(view.run_id)
        if view.status == "cancelled":
            say("cancelled")
        return view

    async def _restore(self, runtime: Runtime) -> None:
        """Round by round: keep, change, restore. What was acknowledged is held against what is there."""
        notes = self._task.root / "notes.txt"
        kept = _rounds(self._task.heard, "kept")
        done = _rounds(self._task.heard, "restored")
        known = {record.snapshot_id: record for record in runtime.snapshots.all()}
        if notes.read_text() not in {_FIRST, _SECOND}:
            say("wrong", "a file is neither what it was before the restore nor what it was to become")
        for round_, snapshot_id in kept.items():
            if snapshot_id not in known:
                say("wrong", f"the snapshot of round {round_} was acknowledged and is gone")
        for number in range(self._scenario.restores):
            if str(number) in done:
                continue
            snapshot_id = kept.get(str(number), "")
            if not snapshot_id:
                _replace(notes, _FIRST)
                await runtime.vsl.set("note", f"first {number}")
                paths = list(runtime.list_files(self._task.root))
                snapshot_id = (await runtime.snapshots.create(paths, f"round {number}")).snapshot_id
                say("kept", number, snapshot_id)
            _replace(notes, _SECOND)
            await runtime.vsl.set("note", "second")
            await runtime.snapshots.restore(snapshot_id, runtime.list_files(self._task.root))
            say("restored", number)
            if notes.read_text() != _FIRST or await runtime.vsl.get("note") != f"first {number}":
                say("wrong", f"round {number} was restored and is not what it was")


def _as_it_is(root: Path) -> Project:
    """The project, with nothing written: the process may be killed at any moment."""
    project = object.__new__(Project)
    project.root = root
    project.toml = ""
    project.plan = json.loads((root / "release.plan.json").read_text(encoding="utf-8"))
    project.context = json.loads((root / "shop.context.json").read_text(encoding="utf-8"))
    return project


def _replace(path: Path, text: str) -> None:
    """As an editor saves: the file is never half of anything by our own doing."""
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.replace(path)


def _rounds(heard: Sequence[str], word: str) -> dict[str, str]:
    """Snapshot by round, from lines such as `kept 1 <id>`."""
    found: dict[str, str] = {}
    for line in heard:
        first, *rest = line.split(" ")
        if first == word:
            found[rest[0]] = rest[1] if len(rest) > 1 else ""
    return found
