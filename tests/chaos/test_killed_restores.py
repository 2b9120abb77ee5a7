"""A restore that takes back a run's work is killed inside its changes of the disk, one after the other."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mplp_runtime.errors import RunRefused
from tests.chaos import shim
from tests.runtime.orchestrator.file_work import contents
from tests.runtime.orchestrator.projects import Project, plan, step_id
from tests.runtime.snapshots.test_runs_undone import LAST, PROJECT_TOML, STEPS, failed

STRIDE = int(os.environ.get("MPLP_CHAOS_STRIDE", "19"))
"""Every so-manieth change is a moment; 1 takes some minutes."""
OLD = {"notes.txt": "old"}
RESTORES = """
import asyncio, sys
from pathlib import Path
from mplp_runtime.runtime import Runtime
from tests.chaos import shim

async def main():
    root = Path(sys.argv[1])
    async with Runtime.open(root) as runtime:
        shim.arm(root, stop_at=int(sys.argv[3]))
        await runtime.restore_snapshot(sys.argv[2])
        print(shim.count())

asyncio.run(main())
"""


@pytest.mark.timeout(3600)
@pytest.mark.skipif(shim.missing() is not None, reason=str(shim.missing()))
async def test_a_restore_that_is_killed_at_any_write_leaves_no_run_that_takes_lost_work_for_done(
    tmp_path: Path,
) -> None:
    environment = {**os.environ, "LD_PRELOAD": str(shim.build(tmp_path))}
    made_in = tmp_path / "made"
    made_in.mkdir()
    (made_in / "notes.txt").write_text("old")
    project = Project(made_in, plan(*STEPS, LAST), PROJECT_TOML)
    async with project.runtime() as runtime:
        snapshot_id = (await runtime.take_snapshot("begin")).snapshot_id
        run_id = (await failed(runtime, project)).run_id
    after = contents(made_in)

    def restored(root: Path, stop_at: int) -> str:
        shutil.copytree(made_in, root, symlinks=True)
        command = [sys.executable, "-c", RESTORES, str(root), snapshot_id, str(stop_at)]
        return subprocess.run(
            command, env=environment, check=False, capture_output=True, text=True, timeout=120
        ).stdout

    changes = int(restored(tmp_path / "whole", 0))
    assert contents(tmp_path / "whole") == OLD
    for number in range(1, changes + 1, STRIDE):
        root = tmp_path / f"killed-{number}"
        assert restored(root, number).startswith("at "), "it was killed"
        async with Project.existing(root).runtime() as runtime:
            is_begun = runtime.runs.view(run_id).is_rolled_back
            assert is_begun or contents(root) == after, number
            before = [each for each in runtime.snapshots.all() if each.snapshot_id != snapshot_id]
            if is_begun:
                with pytest.raises(RunRefused, match="nothing to go on from"):
                    await runtime.retry(run_id, step_id("b"), trusted=True)
            done = await runtime.restore_snapshot(snapshot_id)
            assert (contents(root), done.left) == (OLD, ()), number
            await runtime.restore_snapshot(before[0].snapshot_id if before else done.before_id)
            assert contents(root) == after, number
            if is_begun or not before:
                assert (await runtime.roll_back(run_id, trusted=True)).left == (), number
                assert contents(root) == OLD, number
        shutil.rmtree(root)
