"""After a restore no run takes work for done that the restore took back; going back brings the runs back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mplp_runtime.ael import undo
from mplp_runtime.ael.undo import undo_notes
from mplp_runtime.errors import RunInProgress, RunRefused
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.runtime import Runtime
from mplp_runtime.snapshots import snapshots
from tests.runtime.orchestrator.file_work import FILES, contents, files
from tests.runtime.orchestrator.projects import Project, plan, role, statuses, step, step_id, trace_of
from tests.runtime.orchestrator.waiting import seen

FAILS = role("worker", "import pathlib, sys; sys.exit(0 if pathlib.Path('fixed').exists() else 3)")
WAITS = role(
    "worker",
    "import pathlib, time\npathlib.Path('begun').touch()\n"
    "while not pathlib.Path('go').exists(): time.sleep(0.01)",
    idempotent=True,
)
STEPS = (
    step("m", role="maker"),
    step("d", "m", role="drafter"),
    step("v", "d", role="mover"),
    step("w", "v", role="writer"),
)
DRAFTS = files("drafter", "write", target="draft.txt", content="draft")
LAST = step("b", "w")
PROJECT_TOML = FILES + DRAFTS + FAILS


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "notes.txt").write_text("old")
    return Project(tmp_path, plan(*STEPS, LAST), PROJECT_TOML)


async def failed(runtime: Runtime, project: Project) -> RunView:
    view = await runtime.run(project.path, trusted=True)
    assert view.status == "failed", view.error
    return view


@pytest.mark.parametrize("decision", ["retry", "skip"])
async def test_after_a_restore_nothing_goes_on_from_a_run_whose_work_is_gone(
    project: Project, decision: str
) -> None:
    async with project.runtime() as runtime:
        made = await runtime.take_snapshot("before the run")
        view = await failed(runtime, project)
        done = await runtime.restore_snapshot(made.snapshot_id)
        assert (done.runs_undone, contents(project.root)) == ((view.run_id,), {"notes.txt": "old"})
        (project.root / "fixed").touch()
        with pytest.raises(RunRefused, match="nothing to go on from"):
            await getattr(runtime, decision)(view.run_id, step_id("b"), trusted=True)
        with pytest.raises(RunRefused, match="rolled back already"):
            await runtime.roll_back(view.run_id, trusted=True)
        assert runtime.runs.view(view.run_id).is_rolled_back
        told = trace_of(project.root, view)["root_span"]["attributes"]["rolled_back"]
        assert told["snapshot_before"] == done.before_id
        again = await runtime.run(project.path, trusted=True)
        assert again.status == "completed", again.error
        assert contents(project.root)["final.txt"] == "draft"


async def test_an_interrupted_run_is_not_resumed_without_its_work_after_a_restore(project: Project) -> None:
    project = Project(project.root, plan(*STEPS, LAST), FILES + DRAFTS + WAITS)
    async with project.runtime() as runtime:
        made = await runtime.take_snapshot()
        view = await runtime.runs.start(project.request())
        await seen(runtime, view.run_id, lambda _view: (project.root / "begun").exists())
    async with project.runtime() as runtime:
        assert runtime.runs.view(view.run_id).status == "interrupted"
        await runtime.restore_snapshot(made.snapshot_id)
        assert contents(project.root) == {"notes.txt": "old"}
        with pytest.raises(RunRefused, match="The run is cancelled, and that is final"):
            await runtime.runs.resume(view.run_id, trusted=True)


async def test_a_run_that_went_on_from_one_whose_work_is_gone_is_undone_with_it(project: Project) -> None:
    async with project.runtime() as runtime:
        made = await runtime.take_snapshot()
        first = await failed(runtime, project)
        second = await runtime.retry(first.run_id, step_id("b"), trusted=True)
        second = await runtime.wait(second.run_id)
        assert (second.status, statuses(second)["m"]) == ("failed", "completed")
        done = await runtime.restore_snapshot(made.snapshot_id)
        assert done.runs_undone == (first.run_id, second.run_id)
        with pytest.raises(RunRefused, match="nothing to go on from"):
            await runtime.retry(second.run_id, step_id("b"), trusted=True)


async def test_a_run_whose_work_stays_can_be_retried_after_a_restore(project: Project) -> None:
    async with project.runtime() as runtime:
        view = await failed(runtime, project)
        made = await runtime.take_snapshot()
        assert (await runtime.restore_snapshot(made.snapshot_id)).runs_undone == ()
        (project.root / "fixed").touch()
        again = await runtime.retry(view.run_id, step_id("b"), trusted=True)
        assert (await runtime.wait(again.run_id)).status == "completed"


async def test_what_a_run_did_before_the_snapshot_can_still_be_rolled_back_after_a_restore(
    project: Project,
) -> None:
    toml = FILES + DRAFTS + role("worker", "").replace("[roles.worker]", "[roles.risky]")
    project = Project(project.root, plan(*STEPS[:2], step("r", "d", role="risky")), toml)
    risky = plan(STEPS[0], step("r", "m", role="risky"), step("w", "r", role="writer"))
    project = Project(project.root, risky, toml + '[drift]\nsnapshot_before = ["risky"]\n')
    async with project.runtime() as runtime:
        view = await runtime.run(project.path, trusted=True)
        assert view.status == "completed", view.error
        await runtime.restore_snapshot(runtime.snapshots.all()[-1].snapshot_id)
        assert contents(project.root) == {"notes.txt": "old", "out/deep/report.txt": "report"}
        done = await runtime.roll_back(view.run_id, trusted=True)
        assert "out/deep/report.txt" in done.restored
        assert contents(project.root) == {"notes.txt": "old"}


async def test_after_going_back_to_before_a_restore_the_run_can_be_rolled_back_and_retried(
    project: Project,
) -> None:
    async with project.runtime() as runtime:
        made = await runtime.take_snapshot()
        view = await failed(runtime, project)
        after = contents(project.root)
        done = await runtime.restore_snapshot(made.snapshot_id)
        back = await runtime.restore_snapshot(done.before_id)
        assert (contents(project.root), back.runs_undone) == (after, ())
        assert not runtime.runs.view(view.run_id).is_rolled_back
        assert runtime.runs.view(view.run_id).has_undo
        again = await runtime.retry(view.run_id, step_id("b"), trusted=True)
        assert (await runtime.wait(again.run_id)).status == "failed"
        rolled_back = await runtime.roll_back(view.run_id, trusted=True, force=True)
        assert rolled_back.left == ()
        assert contents(project.root) == {"notes.txt": "old"}


async def test_a_file_put_back_by_a_restore_may_be_written_in_place_without_spoiling_the_way_back(
    project: Project,
) -> None:
    async with project.runtime() as runtime:
        made = await runtime.take_snapshot()
        view = await failed(runtime, project)
        done = await runtime.restore_snapshot(made.snapshot_id)
        with (project.root / "notes.txt").open("r+") as file:
            file.write("OLD")
        await runtime.restore_snapshot(done.before_id)
        await runtime.roll_back(view.run_id, trusted=True)
        assert contents(project.root) == {"notes.txt": "old"}


async def test_a_snapshot_that_is_deleted_takes_its_notes_with_it(project: Project) -> None:
    async with project.runtime() as runtime:
        made = await runtime.take_snapshot()
        await failed(runtime, project)
        done = await runtime.restore_snapshot(made.snapshot_id)
        kept = project.root / ".mplp/snapshots/undo" / done.before_id
        assert kept.is_dir()
        await runtime.snapshots.delete(done.before_id)
        assert not kept.exists()


async def test_a_run_that_begins_while_a_restore_goes_on_leaves_nothing_lost(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with project.runtime() as runtime:
        made = await runtime.take_snapshot()
        view = await failed(runtime, project)
        after = contents(project.root)
        real = snapshots.take_back_all

        def meanwhile(*arguments: object) -> object:
            claim = records.own_claim("another", "another", "2026-01-01T00:00:00Z")
            runtime.vsl.transact_sync(lambda transaction: transaction.set("run_owner/another", claim))
            return real(*arguments)  # type: ignore[arg-type]

        with monkeypatch.context() as patched:
            patched.setattr(snapshots, "take_back_all", meanwhile)
            with pytest.raises(RunInProgress):
                await runtime.restore_snapshot(made.snapshot_id)
        assert undo_notes(project.root, view.run_id) != []
        runtime.vsl.transact_sync(lambda transaction: transaction.delete("run_owner/another"))
        with pytest.raises(RunRefused, match="nothing to go on from"):
            await runtime.retry(view.run_id, step_id("b"), trusted=True)
        await runtime.restore_snapshot(runtime.snapshots.all()[-1].snapshot_id)
        assert contents(project.root) == after
        assert (await runtime.roll_back(view.run_id, trusted=True)).left == ()


KILLED = """
import asyncio, sys
from pathlib import Path
from mplp_runtime.runtime import Runtime
from tests.runtime.snapshots.test_runs_undone import kill_at

async def main():
    async with Runtime.open(Path(sys.argv[1])) as runtime:
        kill_at(sys.argv[2], int(sys.argv[3]))
        await runtime.restore_snapshot(sys.argv[4])

asyncio.run(main())
"""
OWNERS = {"mark": "_mark_taken_back", "remove": "_removed", "put back": "_put_back"}


def kill_at(moment: str, number: int) -> None:
    """This process is killed before it does this for the so-manieth time."""
    calls = 0

    def killing(*_arguments: object) -> None:
        nonlocal calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)

    if moment in OWNERS:
        owner, name = undo, OWNERS[moment]
    else:
        owner, name = {"state": (snapshots.Snapshots, "_turn_back"), "forget": (snapshots, "forget_all")}[
            moment
        ]  # type: ignore[assignment]
    real = getattr(owner, name)

    def counted(*arguments: object, **named: object) -> object:
        killing()
        return real(*arguments, **named)

    setattr(owner, name, counted)


def killed_restore(root: Path, snapshot_id: str, moment: str, number: int) -> None:
    command = [sys.executable, "-c", KILLED, str(root), moment, str(number), snapshot_id]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL


MOMENTS = pytest.mark.parametrize(
    ("moment", "number"),
    [
        *(("put back", 1), ("mark", 1), ("mark", 2), ("mark", 4)),
        *(("remove", 2), ("remove", 3), ("state", 1), ("forget", 1)),
    ],
)


@MOMENTS
async def test_a_restore_that_was_killed_can_be_done_again_and_undone(
    project: Project, moment: str, number: int
) -> None:
    root = project.root
    async with project.runtime() as runtime:
        made = await runtime.take_snapshot("begin")
        view = await failed(runtime, project)
    after = contents(root)
    killed_restore(root, made.snapshot_id, moment, number)
    async with project.runtime() as runtime:
        with pytest.raises(RunRefused, match="nothing to go on from"):
            await runtime.retry(view.run_id, step_id("b"), trusted=True)
        before = runtime.snapshots.all()[-1]
        assert (await runtime.restore_snapshot(made.snapshot_id)).left == ()
        assert contents(root) == {"notes.txt": "old"}
        with pytest.raises(RunRefused, match="rolled back already"):
            await runtime.roll_back(view.run_id, trusted=True)
        await runtime.restore_snapshot(before.snapshot_id)
        assert contents(root) == after
        assert (await runtime.roll_back(view.run_id, trusted=True)).left == ()
        assert contents(root) == {"notes.txt": "old"}


@pytest.mark.parametrize(("moment", "number"), [("put back", 1), ("mark", 2), ("remove", 3), ("state", 1)])
async def test_a_rollback_does_the_rest_of_a_restore_that_was_killed(
    project: Project, moment: str, number: int
) -> None:
    async with project.runtime() as runtime:
        made = await runtime.take_snapshot("begin")
        view = await failed(runtime, project)
    killed_restore(project.root, made.snapshot_id, moment, number)
    async with project.runtime() as runtime:
        assert (await runtime.roll_back(view.run_id, trusted=True)).left == ()
        assert contents(project.root) == {"notes.txt": "old"}


@pytest.mark.parametrize("decision", ["resume", "cancel"])
async def test_a_run_whose_plan_was_taken_out_of_the_graph_by_a_restore_goes_on_and_ends(
    tmp_path: Path, decision: str
) -> None:
    project = Project(tmp_path, plan(step("a"), step("b", "a")), WAITS)
    async with project.runtime() as runtime:
        made = await runtime.take_snapshot("before the plan")
        view = await runtime.runs.start(project.request())
        await seen(runtime, view.run_id, lambda _view: (tmp_path / "begun").exists())
    async with project.runtime() as runtime:
        assert runtime.runs.view(view.run_id).status == "interrupted"
        await runtime.restore_snapshot(made.snapshot_id)
        assert runtime.graph.read("Plan", view.plan_id) is None
        (tmp_path / "go").touch()
        if decision == "cancel":
            assert (await runtime.runs.cancel(view.run_id)).status == "cancelled"
            return
        await runtime.runs.resume(view.run_id, trusted=True)
        after = await runtime.wait(view.run_id)
        assert (after.status, after.error) == ("completed", None)
        nodes = runtime.vsl.read(lambda reading: [*reading.nodes("Plan"), *reading.nodes("Step")])
        assert [node.data["status"] for node in nodes] == ["completed"] * 3
        assert runtime.vsl.read(lambda reading: reading.edges(kind="plan", target=("Plan", view.plan_id)))
