"""A state whose JSON is sound and that says something else than a run left there."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.errors import StateDamaged
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.record_shapes import (
    sound_attempts,
    sound_claim,
    sound_plan,
    sound_run,
    sound_runs,
)
from mplp_runtime.runtime import Runtime
from mplp_runtime.vsl.memory import MemoryStore
from tests.runtime.orchestrator.projects import Project, plan, role, step
from tests.runtime.orchestrator.unfinished_files import lasting, other_plan
from tests.runtime.samples import run_record

DEEP: list[Any] = []
for _ in range(900):
    DEEP = [DEEP]
STRANGE = [None, 5, "x", [], {}, True, "2020-01-01", DEEP]


async def ran(root: Path, times: int = 1) -> list[str]:
    """The ids of the runs of a project, the oldest first."""
    project = Project(root, plan(step("one"), step("two", "one")), role("worker", "print('ok')"))
    for _ in range(times):
        await project.run()
    async with project.runtime(read_only=True) as runtime:
        return [view.run_id for view in runtime.runs.all()]


def changed(root: Path, kind: str, node_id: str, **members: Any) -> None:
    """Writes members of a stored node as somebody with a tool of their own would."""
    with closing(sqlite3.connect(root / ".mplp" / "state.db")) as connection, connection:
        where = "FROM nodes WHERE type = ? AND id LIKE ?"
        [(text,)] = connection.execute(f"SELECT data {where} LIMIT 1", (kind, node_id + "%")).fetchall()
        data = {**json.loads(text), **members}
        connection.execute(
            "UPDATE nodes SET data = ? WHERE type = ? AND id LIKE ?",
            (json.dumps(data), kind, node_id + "%"),
        )


async def test_a_run_of_which_the_state_is_damaged_does_not_hide_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = await ran(tmp_path, 2)
    changed(tmp_path, "Run", first, title=5)
    async with Runtime.open(tmp_path) as runtime:
        assert [view.run_id for view in runtime.runs.all()] == [second]
        with pytest.raises(StateDamaged, match=f"`title` of run {first[:8]} is not what a run leaves there"):
            runtime.runs.view(first)
    assert [line for line in caplog.messages if "`title`" in line]


@pytest.mark.parametrize("status", ["running", "completed", None, [], ["completed"], {}])
async def test_a_damaged_run_that_its_process_left_behind_does_not_keep_the_project_from_opening(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, status: object
) -> None:
    first, second = await ran(tmp_path, 2)
    gone = {
        "run_id": first,
        "pid": 2**22 + 1,
        "start_ticks": 1,
        "instance": "i",
        "place": "elsewhere",
        "since": "2020-01-01T00:00:00Z",
        "beat": "2020-01-01T00:00:00Z",
    }
    changed(tmp_path, "Run", first, status=status, steps="x", started_at=[])
    with closing(sqlite3.connect(tmp_path / ".mplp" / "state.db")) as connection, connection:
        for prefix in ("run_owner", "run_files"):
            connection.execute(
                "INSERT INTO entries (key, value) VALUES (?, ?)", (f"{prefix}/{first}", json.dumps(gone))
            )
    async with Runtime.open(tmp_path) as runtime:
        assert [view.run_id for view in runtime.runs.all()] == [second]
        assert not runtime.runs.has_lost_runs()
    assert [line for line in caplog.messages if "`started_at`" in line or "`status`" in line]


async def test_what_is_asked_of_a_damaged_run_does_not_hide_what_is_asked_of_another(tmp_path: Path) -> None:
    [damaged] = await ran(tmp_path)
    changed(tmp_path, "Run", damaged, status=["completed"])
    project = other_plan(tmp_path)
    async with project.runtime(handlers={"work": lasting}) as first, project.runtime() as second:
        word = {"run_id": damaged, "kind": "cancel"}
        await second.vsl.transact(lambda tx: tx.create_node(records.RUN_REQUEST, "left", word))
        run_id = (await first.runs.start(project.request())).run_id
        assert (await second.runs.cancel(run_id)).status == "cancelled"


@pytest.mark.parametrize("strange", ["../../outside", "/etc/x", ""])
async def test_a_state_that_names_a_trace_elsewhere_leads_nobody_there(tmp_path: Path, strange: str) -> None:
    [run_id] = await ran(tmp_path)
    changed(tmp_path, "Run", run_id, trace_id=strange)
    async with Runtime.open(tmp_path) as runtime:
        with pytest.raises(StateDamaged, match="`trace_id`"):
            runtime.runs.view(run_id)


async def test_questions_about_steps_that_no_plan_has_are_told_as_damage(tmp_path: Path) -> None:
    [run_id] = await ran(tmp_path)
    changed(tmp_path, "Run", run_id, status="running", questions={"nothing": "gate"})
    async with Runtime.open(tmp_path, read_only=True) as runtime:
        with pytest.raises(StateDamaged, match="`questions`"):
            runtime.runs.view(run_id)


async def test_whatever_stands_in_a_record_is_read_or_told_as_damage(tmp_path: Path) -> None:
    [run_id] = await ran(tmp_path)
    async with Runtime.open(tmp_path, read_only=True) as runtime:
        nodes = runtime.vsl.read(lambda reading: {t: reading.nodes(t)[0] for t in KINDS})
        frozen = json.loads(str(nodes["RunPlan"].data["text"]))
        reads = {
            "Run": lambda data: sound_run(run_id, data),
            "RunPlan": lambda data: sound_plan(run_id, data),
            "StepAttempt": lambda data: sound_attempts(
                dict(nodes["Run"].data), str(nodes["StepAttempt"].data["step_id"]), [data]
            ),
        }
    for kind, read in reads.items():
        data = frozen if kind == "RunPlan" else dict(nodes[kind].data)
        read(data)
        for name in data:
            for strange in STRANGE:
                with suppress(StateDamaged):
                    read({**data, name: strange})


KINDS = ("Run", "RunPlan", "StepAttempt")


@pytest.mark.parametrize("claim", [5, [], {}, {"run_id": "a", "pid": "1"}])
def test_a_claim_that_is_none_is_told_as_damage(claim: Any) -> None:
    store = MemoryStore()
    store.transact_sync(lambda transaction: transaction.set("run_owner/a", claim))
    with pytest.raises(StateDamaged, match="a claim to a run"):
        store.read(lambda reading: sound_claim(reading, "run_owner/a"))


def test_a_run_under_another_name_than_its_own_is_told_as_damage() -> None:
    store = MemoryStore()
    store.transact_sync(lambda transaction: transaction.create_node("Run", "a", {"run_id": "b"}))
    with pytest.raises(StateDamaged):
        store.read(sound_runs)


def test_the_record_that_tests_make_of_a_run_is_sound() -> None:
    assert sound_run("a", run_record("a", questions={"s": "gate"}))["title"] == "Ship it"
