"""What a Confirm says on disk reaches the graph and the events, also where nobody could tell it at once."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.runtime import Runtime
from mplp_runtime.settings import Settings
from tests.runtime.approvals.test_approvals import confirm_value
from tests.runtime.orchestrator.projects import PLAN_ID, Project, plan, role, step

OK = role("worker", "print('ok')")
DRAFT = plan(step("build"), status="draft")

KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from mplp_runtime import approvals
from mplp_runtime.runtime import Runtime
from tests.runtime.orchestrator.projects import Project

write = approvals.write_atomically

def written_and_killed(path, texts):
    write(path, texts)
    if '"approved"' in Path(path).read_text():
        os.kill(os.getpid(), signal.SIGKILL)

approvals.write_atomically = written_and_killed

async def main():
    project = Project.existing(Path(sys.argv[1]))
    async with project.runtime() as runtime:
        await runtime.approvals.propose(project.path, project.plan)
        await runtime.approvals.approve(project.path, project.plan)

asyncio.run(main())
"""


def told(runtime: Runtime) -> list[str]:
    return [
        f"{event['event_type']} {event['payload'].get('confirm_status', '')}".strip()
        for event in (each.event for each in runtime.vsl.read(lambda reading: reading.events()))
        if "confirm" in event["event_type"] or event["event_type"] == "decision_added"
    ]


def in_graph(runtime: Runtime) -> list[str]:
    return [str(node.data["status"]) for node in runtime.vsl.read(lambda reading: reading.nodes("Confirm"))]


def killed_between_file_and_state(root: Path) -> Project:
    project = Project(root, DRAFT, OK)
    done = subprocess.run([sys.executable, "-c", KILLED, str(root)], check=False)
    assert done.returncode == -signal.SIGKILL
    return project


async def test_an_approval_whose_process_was_killed_before_it_told_of_it_is_told_at_the_run(
    tmp_path: Path,
) -> None:
    project = killed_between_file_and_state(tmp_path)
    async with project.runtime() as runtime:
        assert in_graph(runtime) == ["pending"]
        view = await runtime.runs.start(project.request())
        assert (await runtime.runs.wait(view.run_id)).status == "completed"
        assert in_graph(runtime) == ["approved"]
        once = ["confirm_created", "confirm_pending pending", "decision_added", "confirm_resolved approved"]
        assert told(runtime) == once
        view = await runtime.runs.start(project.request())
        await runtime.runs.wait(view.run_id)
        assert told(runtime) == once


async def test_an_approval_that_was_never_told_is_told_before_it_is_asked_for_again(tmp_path: Path) -> None:
    project = killed_between_file_and_state(tmp_path)
    async with project.runtime() as runtime:
        await runtime.approvals.propose(project.path, project.plan)
        assert in_graph(runtime) == ["pending"]
        assert told(runtime)[2:] == [
            "decision_added",
            "confirm_resolved approved",
            "confirm_updated",
            "confirm_pending pending",
        ]


@pytest.mark.parametrize("is_simulated", [False, True])
async def test_a_decision_that_a_person_wrote_into_the_file_is_told_at_the_run(
    tmp_path: Path, is_simulated: bool
) -> None:
    project = Project(tmp_path, DRAFT, OK)
    async with project.runtime() as runtime:
        path = await runtime.approvals.propose(project.path, project.plan)
        confirm: dict[str, Any] = json.loads(path.read_text())
        confirm["status"] = "approved"
        decision = {"decision_id": confirm["confirm_id"], "status": "approved", "decided_by_role": "human"}
        confirm["decisions"] = [{**decision, "decided_at": confirm["requested_at"]}]
        path.write_text(json.dumps(confirm))
        assert runtime.approvals.state(project.path, project.plan, Settings()).confirm_id is not None
        view = await runtime.runs.start(project.request(simulate=is_simulated))
        await runtime.runs.wait(view.run_id)
        assert in_graph(runtime) == ["pending" if is_simulated else "approved"]


async def test_an_older_copy_of_a_confirm_is_not_told_over_and_over(tmp_path: Path) -> None:
    project = Project(tmp_path, DRAFT, OK)
    async with project.runtime() as runtime:
        path = await runtime.approvals.propose(project.path, project.plan)
        (tmp_path / "archive").mkdir()
        (tmp_path / "archive/release.confirm.json").write_text(path.read_text())
        await runtime.approvals.approve(project.path, project.plan)
        before = told(runtime)
        for _ in range(2):
            await runtime.run(project.path, trusted=True)
            assert (told(runtime), in_graph(runtime)) == (before, ["approved"])


async def test_an_older_rejection_that_is_told_late_does_not_take_an_approval_back(tmp_path: Path) -> None:
    project = Project(tmp_path, DRAFT, OK)
    async with project.runtime() as runtime:
        await runtime.approvals.approve(project.path, project.plan)
        (tmp_path / "vote.confirm.json").write_text(json.dumps(confirm_value("rejected", "rejected")))
        found: list[str] = []

        def note(_: object) -> None:
            node = runtime.graph.read("Plan", PLAN_ID)
            assert node is not None
            if found[-1:] != [str(node.data["status"])]:
                found.append(str(node.data["status"]))

        runtime.bus.follow(note)
        await runtime.run(project.path, trusted=True)
        assert found == ["approved", "in_progress", "completed"]
        assert told(runtime)[-2:] == ["decision_added", "confirm_resolved rejected"]


async def test_what_two_starts_at_one_moment_find_is_told_once(tmp_path: Path) -> None:
    project = killed_between_file_and_state(tmp_path)
    async with project.runtime() as runtime:
        confirms = runtime.approvals.confirms().values
        catch_up = runtime.approval_record.catch_up
        await asyncio.gather(*(catch_up(project.plan, confirms) for _ in range(2)))
        assert told(runtime)[2:] == ["decision_added", "confirm_resolved approved"]


async def test_a_decision_that_a_start_finds_in_the_file_before_it_is_told_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(tmp_path, DRAFT, OK)
    async with project.runtime() as runtime:
        record, tell = runtime.approval_record, runtime.approval_record.tell

        async def found_first(confirm: dict[str, Any], of: Mapping[str, Any], word: str) -> None:
            await record.catch_up(of, runtime.approvals.confirms().values)
            await tell(confirm, of, word)

        monkeypatch.setattr(record, "tell", found_first)
        await runtime.approvals.propose(project.path, project.plan)
        await runtime.approvals.approve(project.path, project.plan)
        once = ["confirm_created", "confirm_pending pending", "decision_added", "confirm_resolved approved"]
        assert told(runtime) == once
