"""Going back to before a run also takes back what its file operations did, by the notes they left."""

from __future__ import annotations

from pathlib import Path

import pytest

from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.runtime import Runtime
from mplp_runtime.snapshots import objects
from tests.runtime.orchestrator.file_work import FILE_STEPS, FILES, contents
from tests.runtime.orchestrator.projects import Project, plan


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "notes.txt").write_text("old")
    (tmp_path / "draft.txt").write_text("draft")
    return Project(tmp_path, plan(*FILE_STEPS), FILES)


async def completed(runtime: Runtime, project: Project) -> RunView:
    view = await runtime.run(project.path, trusted=True)
    assert view.status == "completed", view.error
    return view


async def test_files_that_a_run_made_or_moved_are_as_before_it(project: Project) -> None:
    before = contents(project.root)
    async with project.runtime() as runtime:
        made = await runtime.take_snapshot("before the run")
        await completed(runtime, project)
        after = contents(project.root)
        (project.root / "mine.txt").write_text("mine")
        done = await runtime.restore_snapshot(made.snapshot_id)
        assert contents(project.root) == {**before, "mine.txt": "mine"}
        assert not (project.root / "out").exists()
        assert (done.kept, done.left, done.failed) == (("mine.txt",), (), ())
        assert {"final.txt", "out/deep/report.txt"} <= set(done.taken_back)
        await runtime.restore_snapshot(done.before_id)
        assert contents(project.root) == {**after, **before, "mine.txt": "mine"} | {"notes.txt": "new"}


async def test_what_a_run_did_before_the_snapshot_stays(project: Project) -> None:
    async with project.runtime() as runtime:
        view = await completed(runtime, project)
        after = contents(project.root)
        made = await runtime.take_snapshot()
        done = await runtime.restore_snapshot(made.snapshot_id)
        assert (contents(project.root), done.taken_back) == (after, ())
        rolled_back = await runtime.roll_back(view.run_id, trusted=True)
        assert rolled_back.left == ()


async def test_a_file_that_is_too_large_for_snapshots_comes_back_by_the_note(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "LARGEST_FILE_BYTES", 1000)
    (project.root / "notes.txt").write_text("old " * 500)
    async with project.runtime() as runtime:
        made = await runtime.take_snapshot()
        assert [each.path for each in made.left_out if each.path.endswith(".txt")] == ["notes.txt"]
        await completed(runtime, project)
        done = await runtime.restore_snapshot(made.snapshot_id)
        assert "notes.txt" in done.taken_back
        assert (project.root / "notes.txt").read_text() == "old " * 500


async def test_what_would_be_lost_by_it_is_left_and_named(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "LARGEST_FILE_BYTES", 1000)
    (project.root / "draft.txt").write_text("draft " * 500)
    async with project.runtime() as runtime:
        made = await runtime.take_snapshot()
        await completed(runtime, project)
        done = await runtime.restore_snapshot(made.snapshot_id)
        assert [each.path for each in done.left] == ["final.txt"]
        assert "larger than" in done.left[0].why
        assert (project.root / "final.txt").read_text() == "draft " * 500


async def test_a_file_that_somebody_changed_since_is_left_and_named(project: Project) -> None:
    async with project.runtime() as runtime:
        made = await runtime.take_snapshot()
        view = await completed(runtime, project)
        (project.root / "out/deep/report.txt").write_text("mine")
        done = await runtime.restore_snapshot(made.snapshot_id)
        assert ("out/deep/report.txt", "changed since") in [(each.path, each.why) for each in done.left]
        assert (project.root / "out/deep/report.txt").read_text() == "mine"
        assert contents(project.root)["draft.txt"] == "draft"
        assert not (project.root / "final.txt").exists()
        # What is left to take back is the run's to take back, once the conflict is out of the way.
        (project.root / "out/deep/report.txt").write_text("report")
        rolled_back = await runtime.roll_back(view.run_id, trusted=True)
        assert "out/deep/report.txt" in rolled_back.restored


async def test_what_was_rolled_back_already_is_not_taken_back_again(project: Project) -> None:
    async with project.runtime() as runtime:
        made = await runtime.take_snapshot()
        view = await completed(runtime, project)
        await runtime.roll_back(view.run_id, trusted=True)
        # By chance what the run had written, but written by a person.
        (project.root / "final.txt").write_text("draft")
        done = await runtime.restore_snapshot(made.snapshot_id)
        assert (done.taken_back, done.kept) == ((), ("final.txt",))
        assert (project.root / "final.txt").read_text() == "draft"


async def test_a_note_that_cannot_be_read_does_not_keep_the_rest_from_being_restored(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    async with project.runtime() as runtime:
        made = await runtime.take_snapshot()
        view = await completed(runtime, project)
        for note in (project.root / ".mplp/undo" / view.run_id).glob("*.json"):
            note.write_text("{")
        done = await runtime.restore_snapshot(made.snapshot_id)
        assert (project.root / "notes.txt").read_text() == "old"
        assert (done.taken_back, done.kept) == ((), ("final.txt", "out/deep/report.txt"))
        assert "is not taken back" in caplog.text
