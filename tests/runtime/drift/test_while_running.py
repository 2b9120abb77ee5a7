"""While a plan runs its files are looked at in turns, and risky steps have a snapshot before them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.errors import SettingsInvalid
from mplp_runtime.runtime import Runtime
from tests.runtime.orchestrator.projects import Project, plan, role, step, step_id, table

PERSON = table("roles.worker", action="agent_handoff", to="human")


def events(runtime: Runtime, stream: str = "project") -> list[dict[str, Any]]:
    return [dict(each.event) for each in runtime.vsl.read(lambda reading: reading.events(stream))]


async def until_told(runtime: Runtime, event_type: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            for event in events(runtime):
                if event["event_type"] == event_type:
                    return event
            await asyncio.sleep(0.02)


async def test_a_file_that_changes_while_a_step_waits_is_found_by_the_next_look(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), PERSON + table("drift", active_interval_s=0.05))
    (tmp_path / "src.py").write_text("a")
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await until_told(runtime, "files_found")
        (tmp_path / "src.py").write_text("bb")
        os.utime(tmp_path / "src.py", (4_000_000_000, 4_000_000_000))
        found = await until_told(runtime, "file_update")
        assert (found["source"], found["payload"]["file_path"]) == ("drift_scan", "src.py")
        await runtime.runs.cancel(run_id)


async def test_with_an_interval_of_zero_nobody_looks(tmp_path: Path) -> None:
    project = Project(
        tmp_path, plan(step("a")), role("worker", "print('ok')") + table("drift", active_interval_s=0)
    )
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await runtime.runs.wait(run_id)
        assert "files_found" not in [event["event_type"] for event in events(runtime)]


async def test_a_risky_step_has_a_snapshot_before_it_and_the_trace_tells_which(tmp_path: Path) -> None:
    breaks = role("worker", "open('src.py', 'w').write('broken'); raise SystemExit(3)")
    toml = breaks + table("drift", snapshot_before=["worker"], active_interval_s=0)
    project = Project(tmp_path, plan(step("a")), toml)
    (tmp_path / "src.py").write_text("sound")
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        assert (await runtime.runs.wait(run_id)).status == "failed"
        assert (tmp_path / "src.py").read_text() == "broken"
        [told] = [each for each in events(runtime, run_id) if each["event_type"] == "snapshot_created"]
        assert told["payload"]["step_id"] == step_id("a")
        restored = await runtime.snapshots.restore(
            told["payload"]["snapshot_id"], runtime.list_files(tmp_path)
        )
        assert restored.written == ("src.py",)
        assert (tmp_path / "src.py").read_text() == "sound"
        assert runtime.runs.view(run_id).status == "failed", "history stays"


async def test_other_steps_and_dry_runs_make_no_snapshots(tmp_path: Path) -> None:
    toml = role("worker", "print('ok')") + table("drift", snapshot_before=["deployer"], active_interval_s=0)
    project = Project(tmp_path, plan(step("a")), toml)
    async with project.runtime() as runtime:
        await runtime.runs.wait((await runtime.runs.start(project.request())).run_id)
        await runtime.runs.wait((await runtime.runs.start(project.request(simulate=True))).run_id)
        assert runtime.snapshots.all() == []


async def test_a_slip_in_the_settings_does_not_end_the_looks_of_a_run(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), PERSON + table("drift", active_interval_s=0.05))
    (tmp_path / "src.py").write_text("a")
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await until_told(runtime, "files_found")
        (tmp_path / "mplp.toml").write_text("[drift")
        with pytest.raises(SettingsInvalid):
            runtime.settings()
        (tmp_path / "src.py").write_text("bb")
        os.utime(tmp_path / "src.py", (4_000_000_000, 4_000_000_000))
        changed: set[str] = set()
        async with asyncio.timeout(30):
            while "src.py" not in changed:
                await asyncio.sleep(0.02)
                told = [each for each in events(runtime) if each["event_type"] == "file_update"]
                changed = {each["payload"]["file_path"] for each in told}
        await runtime.runs.cancel(run_id)
